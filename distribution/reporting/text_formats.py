"""Shares and durations as people read them."""

from __future__ import annotations

import math


def percent(share: float) -> str:
    """A share of 0..1 with one decimal, never rounded up: 98.96 % has not met 99."""
    return f"{math.floor(share * 1000 + 1e-9) / 10:.1f} %"


def duration(seconds: float) -> str:
    """A length of time: 0:05, 4:59, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
