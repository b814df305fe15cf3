"""How people take the messages of each template and number, in sums by the hour of sending.

What Meta's comparison, its analytics and its quality ratings are reckoned from.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

HOUR_S = 3600


@dataclass(slots=True)
class Sums:
    """The messages of some hours."""

    sent: int = 0
    delivered: int = 0
    read: int = 0
    blocked: int = 0
    reasons: Counter[str] = field(default_factory=Counter)  # why people blocked

    def include(self, other: Sums) -> None:
        """Adds these."""
        self.sent += other.sent
        self.delivered += other.delivered
        self.read += other.read
        self.blocked += other.blocked
        self.reasons.update(other.reasons)

    @property
    def block_share(self) -> float:
        """Blocks per send."""
        return self.blocked / self.sent if self.sent else 0.0

    @property
    def top_reason(self) -> str:
        """Why most people blocked, in Meta's words."""
        return self.reasons.most_common(1)[0][0] if self.reasons else "UNKNOWN_BLOCK_REASON"


@dataclass(slots=True)
class Reactions:
    """By the id of a template or a number: a few hundred bytes for each hour in which it sent."""

    _hours: dict[str, dict[int, Sums]] = field(default_factory=dict)

    def at(self, name: str, moment: float) -> Sums:
        """The sums of a moment's hour, to add to."""
        hours = self._hours.get(name)
        if hours is None:
            hours = self._hours[name] = {}
        hour = int(moment // HOUR_S)
        sums = hours.get(hour)
        if sums is None:
            sums = hours[hour] = Sums()
        return sums

    def between(self, name: str, start: float, end: float) -> Sums:
        """The sums of the hours that begin in this span, and of the one in which it begins."""
        total = Sums()
        for hour, sums in self._hours.get(name, {}).items():
            if start // HOUR_S <= hour and hour * HOUR_S < end:
                total.include(sums)
        return total

    def hours(self, name: str) -> list[tuple[float, Sums]]:
        """The beginning of each hour with its sums, in order."""
        return [(hour * HOUR_S, sums) for hour, sums in sorted(self._hours.get(name, {}).items())]
