"""Send slots, taken by moving a number's clock: one UPDATE, exact across processes.

The row's clock is Unix seconds, so the statement is plain arithmetic and means the same on
PostgreSQL and SQLite. Slots lost in a crash stay lost, which is the safe side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone

from phonepool.models import Breaker, PhoneNumber
from phonepool.numbers import breakers, health


@dataclass(frozen=True, slots=True)
class Reservation:
    """`count` slots on one number, the first at `first` (Unix seconds), `spacing` s apart."""

    number_id: int
    meta_id: str
    count: int
    first: float
    spacing: float
    min_spacing: float  # s between two sends at the least, when they run late
    recovering: bool = False  # it rested or failed lately: its good answers are news, too

    def slot(self, place: int) -> float:
        """When message `place` (0…count-1) may go, Unix seconds."""
        return self.first + place * self.spacing

    def split(self, count: int) -> tuple[Reservation, Reservation | None]:
        """The first `count` slots, and those after them."""
        if count >= self.count:
            return self, None
        rest = replace(self, first=self.slot(count), count=self.count - count)
        return replace(self, count=count), rest


TRIAL_MESSAGES = 1  # message at a time while a breaker is not closed; its answer opens or closes it
# The day's count starts again at nought on a new day. A breaker whose time is over goes to
# HALF_OPEN here and is on trial until its answer comes, or for another cooldown without one.
RESERVE = """
UPDATE phonepool_phonenumber
   SET next_slot = CASE WHEN next_slot > %(now)s THEN next_slot ELSE %(now)s END + %(length)s,
       day_count = CASE WHEN day = %(day)s THEN day_count ELSE 0 END + %(count)s,
       day = %(day)s,
       breaker = CASE WHEN breaker = 'CLOSED' THEN breaker ELSE 'HALF_OPEN' END,
       breaker_until = CASE WHEN breaker = 'CLOSED' THEN breaker_until
                            ELSE %(now)s + %(cooldown)s END
 WHERE id = %(id)s AND state = 'ACTIVE' AND quality <> 'FLAGGED'
   AND NOT EXISTS (SELECT 1 FROM phonepool_portfolio AS account
                    WHERE account.id = portfolio_id AND account.paused_until > %(now)s)
   AND (breaker = 'CLOSED' OR (breaker_until <= %(now)s AND %(count)s <= %(trial)s))
   AND next_slot + %(length)s <= %(now)s + %(horizon)s
   AND CASE WHEN day = %(day)s THEN day_count ELSE 0 END + %(count)s <= %(daily)s
RETURNING next_slot
"""

# The same asked just before the calls: slots given out before a number fell out, or its account
# was told to pause, are not used. `number` is its id, `clock` now as Unix seconds.
OPEN_TO_CALLS = """EXISTS (
    SELECT 1 FROM phonepool_phonenumber AS number WHERE number.id = %(number)s
       AND number.state = 'ACTIVE' AND number.quality <> 'FLAGGED' AND number.breaker <> 'OPEN'
       AND NOT EXISTS (SELECT 1 FROM phonepool_portfolio AS account
                        WHERE account.id = number.portfolio_id AND account.paused_until > %(clock)s)
)"""


def reserve(number: PhoneNumber, count: int, *, now: datetime) -> Reservation | None:
    """Take up to `count` consecutive slots; None when the number has no room or is out.

    Fewer are taken when the day's capacity or the horizon (SLOT_HORIZON_SECONDS) ends first.
    """
    spacing = 1.0 / (health.rate(number, now) * settings.SLOT_UTILISATION)
    count = min(count, _room(number, spacing, now))
    if count < 1:
        return None
    length = count * spacing
    with connection.cursor() as cursor:
        cursor.execute(
            RESERVE,
            {
                "id": number.pk,
                "now": now.timestamp(),
                "length": length,
                "count": count,
                "day": timezone.localdate(now),
                "daily": health.daily_ceiling(number),
                "horizon": settings.SLOT_HORIZON_SECONDS,
                "cooldown": settings.BREAKER_COOLDOWN_SECONDS,
                "trial": TRIAL_MESSAGES,
            },
        )
        row = cursor.fetchone()
    if row is None:  # somebody took the room, or the number fell out, since it was read
        return None
    # Whoever is late may catch up, half-way between the slots' pace and the limit itself.
    fastest = health.ceiling(number) * (1 + settings.SLOT_UTILISATION) / 2
    return Reservation(
        number_id=number.pk,
        meta_id=number.meta_id,
        count=count,
        first=row[0] - length,
        spacing=spacing,
        min_spacing=min(spacing, 1.0 / fastest),
        recovering=_recovering(number, now),
    )


def _room(number: PhoneNumber, spacing: float, now: datetime) -> int:
    ahead = max(0.0, number.next_slot - now.timestamp())
    fits = int((settings.SLOT_HORIZON_SECONDS - ahead) / spacing)
    most = fits if number.breaker == Breaker.CLOSED else min(fits, TRIAL_MESSAGES)
    return min(most, health.daily_ceiling(number) - health.sent_today(number, now))


def _recovering(number: PhoneNumber, now: datetime) -> bool:
    failed_lately = number.heard_at > now.timestamp() - breakers.WINDOW_SECONDS
    return number.failures > 0 or failed_lately or number.breaker != Breaker.CLOSED
