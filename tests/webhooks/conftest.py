from __future__ import annotations

import pytest

from tests.serving import serve
from webhooks.receiving import presence

__all__ = ["serve"]


@pytest.fixture(autouse=True)
def no_unsaved_gap(monkeypatch) -> None:
    """A receive gap of an earlier test is not saved in this one."""
    monkeypatch.setattr(presence, "_gap_end", None)
