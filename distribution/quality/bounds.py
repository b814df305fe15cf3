"""How sure a share is: Wilson's bounds of a rate, and the comparison of two rates. Pure.

A plain percentage cannot be trusted at our sizes: 4 annoyed people of 150 are 2.7%, and say nothing
about the next 150. Wilson's interval stays right for small numbers and rates near zero.
"""

from __future__ import annotations

import math
from statistics import NormalDist

Z = 1.645  # one-sided 95%


def lower_bound(events: float, people: int, *, z: float = Z) -> float:
    """The rate is at least this, with 95% confidence; 0..1. Half events count as half a person."""
    return _wilson(events, people, -z)


def upper_bound(events: float, people: int, *, z: float = Z) -> float:
    """The rate is at most this, with 95% confidence."""
    return _wilson(events, people, z)


def _wilson(events: float, people: int, z: float) -> float:
    if people <= 0:
        return 0.0 if z < 0 else 1.0
    share = min(events, people) / people
    centre = share + z * z / (2 * people)
    spread = z * math.sqrt(share * (1 - share) / people + z * z / (4 * people * people))
    return min(1.0, max(0.0, (centre + spread) / (1 + z * z / people)))


def needed(people: int, rate: float, *, z: float = Z) -> int:
    """The fewest events among so many people whose lower bound exceeds the rate."""
    low, high = 0, people + 1
    while low < high:
        middle = (low + high) // 2
        if lower_bound(middle, people, z=z) > rate:
            high = middle
        else:
            low = middle + 1
    return low


def is_higher(events: float, people: int, than_events: float, than_people: int) -> bool:
    """Whether the first rate is higher than the second, with 95% confidence: the test of two
    proportions with the pooled variance."""
    if people <= 0 or than_people <= 0:
        return False
    pooled = (events + than_events) / (people + than_people)
    variance = pooled * (1 - pooled) * (1 / people + 1 / than_people)
    if variance <= 0:
        return False
    z = (events / people - than_events / than_people) / math.sqrt(variance)
    return NormalDist().cdf(z) > 0.95
