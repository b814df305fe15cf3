from __future__ import annotations

import pytest

from tests.serving import serve
from webhooks.receiving import presence

__all__ = ["serve"]


@pytest.fixture(autouse=True)
def nothing_missed(monkeypatch) -> None:
    """What an earlier test was refused is not told in this one."""
    monkeypatch.setattr(presence, "_gap_end", None)
