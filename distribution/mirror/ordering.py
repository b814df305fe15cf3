"""Notices come late and in any order: each fact remembers the time of Meta's latest word on it."""

from __future__ import annotations

from datetime import datetime, timedelta

CLOCK_TOLERANCE = timedelta(seconds=30)  # between Meta's clock, in whole seconds, and ours


def is_stale(
    at: datetime,
    latest: datetime | None,
    read_at: datetime | None,
    *,
    bad: bool,
    better: bool = False,
) -> bool:
    """Whether a notice of the time `at` is older than the `latest` one, or than our own reading.

    Of two notices of the same second the worse counts: one that says `better` than the latest does
    not. A bad one may be a little older than the reading.
    """
    if latest is not None and (at < latest or (at == latest and better)):
        return True
    return read_at is not None and at < read_at - (CLOCK_TOLERANCE if bad else timedelta(0))
