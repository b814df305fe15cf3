"""The error budget of the service level over 28 days, pure.

99% of each morning's people leave 28% of one morning to miss in 28 days. A morning at 97% spends a
tenth of that, one at 93% a quarter: that is what the two limits of a single morning stand for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

DAYS = 28
WEEK = 7
NOTABLE_MORNING = 0.10  # of the budget: look into it
BAD_MORNING = 0.25
BAD_WEEK = 0.50


@dataclass(frozen=True, slots=True)
class Morning:
    day: date
    share: float  # 0..1, in time


@dataclass(frozen=True, slots=True)
class Budget:
    """What the last 28 days have spent. Shares of the whole budget."""

    latest: float  # by the latest morning
    week: float
    spent: float

    @property
    def remaining(self) -> float:
        """Below 0 when more was missed than the target allows."""
        return 1.0 - self.spent


def reckon(mornings: Sequence[Morning], *, target: float, today: date) -> Budget | None:
    """The budget on `today`, from the mornings of the last 28 days; None without any.

    A target of 100% has no budget: any miss spends all of it.
    """
    since = today - timedelta(days=DAYS - 1)
    counted = sorted(
        (one for one in mornings if since <= one.day <= today), key=lambda one: one.day
    )
    if not counted:
        return None
    whole = (1.0 - target) * DAYS
    spent = [_part(1.0 - one.share, whole) for one in counted]
    week = today - timedelta(days=WEEK - 1)
    return Budget(
        latest=spent[-1],
        week=sum(part for part, one in zip(spent, counted, strict=True) if one.day >= week),
        spent=sum(spent),
    )


def _part(missed: float, whole: float) -> float:
    if whole <= 0:
        return 1.0 if missed > 0 else 0.0
    return missed / whole
