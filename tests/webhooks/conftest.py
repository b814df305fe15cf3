from __future__ import annotations

import pytest

from tests.serving import serve
from webhooks import receiver

__all__ = ["serve"]


@pytest.fixture(autouse=True)
def nothing_missed(monkeypatch) -> None:
    """What an earlier test was refused is not told in this one."""
    monkeypatch.setattr(receiver, "_away_at", None)
