"""Ranks the numbers for the next reservation. Pure, without the database.

The number that would finish the messages first comes first, which combines health and capacity: a
slowed, LOW or busy number finishes later. Ties go to better quality, then to the number that has
sent least today. A number that may use only a part of its speed comes first whenever its clock
says that it may send again, and not before: so it sends at just that speed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from phonepool.models import Breaker, PhoneNumber, Quality
from phonepool.numbers import health

QUALITY_RANK = [Quality.HIGH, Quality.UNKNOWN, Quality.MEDIUM, Quality.LOW, Quality.FLAGGED]


AHEAD_SECONDS = 0.25  # that a reduced number is given its slots before the first of them
ALL: Mapping[int, float] = {}


def rank(
    numbers: Iterable[PhoneNumber],
    count: int,
    *,
    now: datetime,
    reduced: Mapping[int, float] = ALL,
) -> list[PhoneNumber]:
    """The numbers that can send, best first for `count` messages; `reduced` as in `health`."""
    able = [
        number for number in numbers if health.rate(number, now) > 0 and _accepts_calls(number, now)
    ]
    if not reduced:
        return sorted(able, key=lambda number: _order(number, count, now))
    soon = now.timestamp() + AHEAD_SECONDS
    free = [number for number in able if number.pk in reduced and number.next_slot <= soon]
    whole = [number for number in able if number.pk not in reduced]
    return [
        *sorted(free, key=lambda number: (reduced[number.pk], number.pk)),
        *sorted(whole, key=lambda number: _order(number, count, now)),
    ]


def _accepts_calls(number: PhoneNumber, now: datetime) -> bool:
    """Whether its breaker allows at least a trial."""
    return number.breaker == Breaker.CLOSED or number.breaker_until <= now.timestamp()


def _order(number: PhoneNumber, count: int, now: datetime) -> tuple[float, int, int, int]:
    start = max(number.next_slot, now.timestamp())
    # Rounded to 10 ms, so that two idle numbers of the same rate are a tie.
    finish = round(start + count / health.rate(number, now), 2)
    quality = QUALITY_RANK.index(Quality(number.quality))
    return finish, quality, health.sent_today(number, now), number.pk
