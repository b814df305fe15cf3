"""Ranks the numbers for the next reservation. Pure, without the database.

The number that would finish the messages first comes first, which combines health and capacity: a
slowed, LOW or busy number finishes later. Ties go to better quality, then to the number that has
sent least today.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from phonepool.models import Breaker, PhoneNumber, Quality
from phonepool.numbers import health

QUALITY_RANK = [Quality.HIGH, Quality.UNKNOWN, Quality.MEDIUM, Quality.LOW, Quality.FLAGGED]


def rank(numbers: Iterable[PhoneNumber], count: int, *, now: datetime) -> list[PhoneNumber]:
    """The numbers that can send, best first for `count` messages."""
    able = [
        number for number in numbers if health.rate(number, now) > 0 and _accepts_calls(number, now)
    ]
    return sorted(able, key=lambda number: _order(number, count, now))


def _accepts_calls(number: PhoneNumber, now: datetime) -> bool:
    """Whether its breaker allows at least a trial."""
    return number.breaker == Breaker.CLOSED or number.breaker_until <= now.timestamp()


def _order(number: PhoneNumber, count: int, now: datetime) -> tuple[float, int, int, int]:
    start = max(number.next_slot, now.timestamp())
    # Rounded to 10 ms, so that two idle numbers of the same rate are a tie.
    finish = round(start + count / health.rate(number, now), 2)
    quality = QUALITY_RANK.index(Quality(number.quality))
    return finish, quality, health.sent_today(number, now), number.pk
