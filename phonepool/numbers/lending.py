"""Slots for test sends, beside whichever process holds the number.

A holder's gate lets at most the whole part of its speed pass in a second, always below the
number's limit. What is left carries one message every LENT_SPACING_SECONDS; one that is late by
more than LENT_LATE_SECONDS is not sent, so no second ever holds two of them.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone

from phonepool.models import Breaker, PhoneNumber
from phonepool.numbers import health, pool, reservation
from phonepool.numbers.reservation import Reservation

LENT_SPACING_SECONDS = 3.0
LENT_LATE_SECONDS = 1.9
LEND = """
UPDATE phonepool_phonenumber
   SET lent_until = CASE WHEN lent_until > %(now)s THEN lent_until ELSE %(now)s END + %(length)s,
       day_count = CASE WHEN day = %(day)s THEN day_count ELSE 0 END + 1,
       day = %(day)s
 WHERE id = %(id)s AND state = 'ACTIVE' AND quality <> 'FLAGGED' AND verified_at IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM phonepool_portfolio AS account
                    WHERE account.id = portfolio_id AND account.paused_until > %(now)s)
   AND breaker = 'CLOSED' AND lent_until + %(length)s <= %(now)s + %(horizon)s
   AND CASE WHEN day = %(day)s THEN day_count ELSE 0 END + 1 <= %(daily)s
RETURNING lent_until
"""


def slot(*, now: datetime, allowed: Collection[int] | None = None) -> Reservation | None:
    """A slot for one test message, on the number that has lent least; None: no number has one.

    Where no number leaves room for it, one of the ordinary slots is reserved.
    """
    usable = PhoneNumber.objects.usable().filter(breaker=Breaker.CLOSED)
    numbers = [one for one in usable if allowed is None or one.pk in allowed]
    able = [number for number in numbers if _has_room(number)]
    for number in sorted(able, key=lambda number: (number.lent_until, number.pk)):
        lent = _lend(number, now)
        if lent is not None:
            return lent
    return None if able else pool.reserve(1, now=now, allowed=allowed)


def _has_room(number: PhoneNumber) -> bool:
    """Whether its gate lets less than its limit pass."""
    return max(1, int(reservation.fastest(number))) + 1 <= health.ceiling(number)


def _lend(number: PhoneNumber, now: datetime) -> Reservation | None:
    with connection.cursor() as cursor:
        cursor.execute(
            LEND,
            {
                "id": number.pk,
                "now": now.timestamp(),
                "length": LENT_SPACING_SECONDS,
                "day": timezone.localdate(now),
                "daily": health.daily_ceiling(number),
                "horizon": settings.SLOT_HORIZON_SECONDS + LENT_SPACING_SECONDS,
            },
        )
        row = cursor.fetchone()
    if row is None:
        return None
    return Reservation(
        number_id=number.pk,
        meta_id=number.meta_id,
        count=1,
        first=row[0] - LENT_SPACING_SECONDS,
        spacing=LENT_SPACING_SECONDS,
        min_spacing=LENT_LATE_SECONDS / 2,
        late_seconds=LENT_LATE_SECONDS,
    )
