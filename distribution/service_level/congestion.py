"""More than 1,000 people wait and are not sent to as fast as the pool could: congestion, pure.

A batch holds many people, so a queue of 1,000 tasks is never reached by 2,000 people and always by
a million: people are counted. Many people waiting is no congestion while the pool sends at its
full speed; that is then a matter of capacity, and R1 tells it.
"""

from __future__ import annotations

from dataclasses import dataclass

MIN_WAITING = 1_000
MIN_AGE = 10  # seconds that the first of them has waited
MIN_SECONDS_AHEAD = 60  # at the speed of the last 15 s
SLOW_SHARE = 0.5  # of the pool's speed


@dataclass(frozen=True, slots=True)
class Waiting:
    """People whose turn has come and whom nobody has taken in hand."""

    people: int
    oldest_seconds: float
    per_second: float  # accepted lately
    capacity: float  # messages per second of the usable numbers

    @property
    def is_congested(self) -> bool:
        if self.people <= MIN_WAITING or self.oldest_seconds <= MIN_AGE:
            return False
        slow = self.per_second < SLOW_SHARE * self.capacity
        return slow and self.people > MIN_SECONDS_AHEAD * self.per_second
