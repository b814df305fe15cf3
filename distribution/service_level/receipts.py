"""Whether receipts come as on other mornings: rule R4, pure.

Phones are off at six, so a fixed share "delivered within five minutes" says more about people than
about us. What is judged is the number of receipts against the number expected by now, from how
receipts came on earlier mornings: 10% lost without a word are seen within half a minute. A receipt
is the first word after acceptance: delivered, or failed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from distribution.models import Severity

AGES = (1, 2, 5, 10, 20, 30, 60, 120, 300)  # seconds after acceptance
MORNINGS = 14  # the latest ones that the curve is learned from
MIN_MORNINGS = 3  # with fewer, the ratio is shown and never alerts
MIN_EXPECTED = 100  # receipts: fewer say nothing
WARN_BELOW, WARN_AFTER = 0.9, 5  # ratio, and for how many seconds
PAGE_BELOW, PAGE_AFTER = 0.75, 10
CLEAR_AFTER = 20  # seconds without a finding before the alert closes
HISTORY = PAGE_AFTER + CLEAR_AFTER


@dataclass(frozen=True, slots=True)
class Morning:
    """How receipts came on one morning: how many were there at each of AGES."""

    accepted: int
    receipts: Sequence[int]


@dataclass(frozen=True, slots=True)
class Curve:
    """The share of receipts by age, learned from earlier mornings."""

    shares: Sequence[float]  # at AGES
    mornings: int

    @property
    def may_alert(self) -> bool:
        return self.mornings >= MIN_MORNINGS

    def share(self, age: float) -> float:
        """The share expected at an age in seconds, between the ages by a straight line."""
        place = bisect_right(AGES, age)
        if place == len(AGES):
            return self.shares[-1]
        low, before = (AGES[place - 1], self.shares[place - 1]) if place else (0, 0.0)
        return before + (self.shares[place] - before) * max(0.0, age - low) / (AGES[place] - low)


def learn(mornings: Iterable[Morning]) -> Curve:
    """One curve for all: a morning counts by its messages."""
    listed = [morning for morning in mornings if morning.accepted > 0]
    accepted = sum(morning.accepted for morning in listed)
    at_ages = zip(*(morning.receipts for morning in listed), strict=True) if listed else ()
    shares = [min(1.0, sum(counts) / accepted) for counts in at_ages]
    return Curve(shares or [0.0] * len(AGES), len(listed))


@dataclass(frozen=True, slots=True)
class Receipts:
    """A distribution second by second since it opened, the latest second last."""

    accepted: Sequence[int]
    received: Sequence[int]  # first receipts, by when Meta dates them

    def ratio(self, curve: Curve, *, ago: int = 0) -> float | None:
        """Receipts per expected receipt at that time; None: too few are expected yet."""
        end = len(self.accepted) - ago
        # A message accepted in the second that has just ended is half a second old on average.
        expected = sum(
            count * curve.share(end - second - 0.5)
            for second, count in enumerate(self.accepted[: max(0, end)])
            if count
        )
        if expected < MIN_EXPECTED:
            return None
        return sum(self.received[:end]) / expected


def judge(receipts: Receipts, curve: Curve) -> Severity | None:
    """How bad it is now, or was within the last CLEAR_AFTER seconds; None: as expected."""
    if not curve.may_alert:
        return None
    ratios = [receipts.ratio(curve, ago=ago) for ago in range(HISTORY + 1)]
    if _lasts(ratios, PAGE_BELOW, PAGE_AFTER):
        return Severity.CRITICAL
    return Severity.WARNING if _lasts(ratios, WARN_BELOW, WARN_AFTER) else None


def best_within(receipts: Receipts, curve: Curve, seconds: int) -> float | None:
    """The highest ratio of the last `seconds`; None: at some time too few were expected."""
    ratios = [receipts.ratio(curve, ago=ago) for ago in range(seconds + 1)]
    known = [ratio for ratio in ratios if ratio is not None]
    return max(known) if len(known) == len(ratios) else None


def _lasts(ratios: Sequence[float | None], below: float, seconds: int) -> bool:
    """Whether the ratio was that low for so many seconds on end, ending at most CLEAR_AFTER ago."""
    low = [ratio is not None and ratio < below for ratio in ratios]
    runs = accumulate(reversed(low), lambda run, is_low: run + 1 if is_low else 0, initial=0)
    latest = list(runs)[::-1][: CLEAR_AFTER + 1]  # the length of the run that ends so long ago
    return any(run > seconds for run in latest)
