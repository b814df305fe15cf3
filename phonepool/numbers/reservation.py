"""Reserves send slots by advancing a number's `next_slot`: one UPDATE, exact across processes.

The column is in Unix seconds, so the statement is plain arithmetic and works the same on
PostgreSQL and SQLite. It also takes or extends the number's lease (`leases.py`). Who takes it from
a process that died begins at once: that process's slots can no longer be used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone

from phonepool.cloud_api.lease import NO_LEASE, Lease
from phonepool.models import Breaker, PhoneNumber
from phonepool.numbers import breakers, health, leases, return_rule, utilisation
from phonepool.numbers.leases import Sender
from phonepool.numbers.selection import AHEAD_SECONDS


@dataclass(frozen=True, slots=True)
class Reservation:
    """`count` slots on one number, the first at `first` (Unix seconds), `spacing` s apart."""

    number_id: int
    meta_id: str
    count: int
    first: float
    spacing: float
    min_spacing: float  # minimum s between two sends when they are late
    recovering: bool = False  # it rested or failed recently: successes are reported, too
    portfolio_id: str = ""  # Meta's
    lease: Lease = NO_LEASE  # nothing is sent once it is over
    late_seconds: float = float("inf")  # that a message may begin after its slot

    def slot(self, place: int) -> float:
        """When message `place` (0…count-1) may be sent, Unix seconds."""
        return self.first + place * self.spacing

    def split(self, count: int) -> tuple[Reservation, Reservation | None]:
        """The first `count` slots, and those after them."""
        if count >= self.count:
            return self, None
        rest = replace(self, first=self.slot(count), count=self.count - count)
        return replace(self, count=count), rest


TRIAL_MESSAGES = 1  # at a time while a breaker is not closed; its result opens or closes it
# The day's count starts at zero on a new day. A breaker whose cooldown is over becomes HALF_OPEN
# here and stays so until the trial's result, or for another cooldown without one.
RESERVE = """
UPDATE phonepool_phonenumber
   SET next_slot = CASE WHEN next_slot > %(now)s AND (holder = %(me)s OR NOT %(afresh)s)
                        THEN next_slot ELSE %(now)s END + %(length)s,
       holder = %(me)s, held_at = %(now)s, lease_seconds = %(lease)s, renewals = renewals + 1,
       wanted_by = CASE WHEN holder = %(me)s AND NOT %(new)s THEN wanted_by ELSE '' END,
       day_count = CASE WHEN day = %(day)s THEN day_count ELSE 0 END + %(count)s,
       day = %(day)s,
       breaker = CASE WHEN breaker = 'CLOSED' THEN breaker ELSE 'HALF_OPEN' END,
       breaker_until = CASE WHEN breaker = 'CLOSED' THEN breaker_until
                            ELSE %(now)s + %(cooldown)s END
 WHERE id = %(id)s AND state = 'ACTIVE' AND quality <> 'FLAGGED' AND verified_at IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM phonepool_portfolio AS account
                    WHERE account.id = portfolio_id AND account.paused_until > %(now)s)
   AND (breaker = 'CLOSED' OR (breaker_until <= %(now)s AND %(count)s <= %(trial)s))
   AND (holder = %(me)s OR (holder = %(seen)s AND renewals = %(renewals)s))
   AND CASE WHEN holder = %(me)s OR NOT %(afresh)s THEN next_slot ELSE %(now)s END + %(length)s
       <= %(now)s + %(horizon)s
   AND CASE WHEN day = %(day)s THEN day_count ELSE 0 END + %(count)s <= %(daily)s
RETURNING next_slot
"""

EXTEND = """
UPDATE phonepool_phonenumber
   SET held_at = %(now)s, lease_seconds = %(lease)s, renewals = renewals + 1
 WHERE id = %(id)s AND holder = %(me)s
"""

# Checked again just before the calls: slots reserved before a number became unusable, or its
# account was paused, are not used. `number` is its id, `clock` the time as Unix seconds.
OPEN_TO_CALLS = """EXISTS (
    SELECT 1 FROM phonepool_phonenumber AS number WHERE number.id = %(number)s
       AND number.state = 'ACTIVE' AND number.quality <> 'FLAGGED' AND number.breaker <> 'OPEN'
       AND number.verified_at IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM phonepool_portfolio AS account
                        WHERE account.id = number.portfolio_id AND account.paused_until > %(clock)s)
)"""


KEEP_SHARE = 0.5  # of a lease is left after the last slot that is about to be used
PORTION_SECONDS = 0.5  # of slots that a reduced number gives at once


def reserve(
    number: PhoneNumber,
    count: int,
    *,
    now: datetime,
    part: float | None = None,
    sender: Sender | None = None,
) -> Reservation | None:
    """Takes up to `count` consecutive slots; None if the number has none, is unusable, or another
    process took it since it was read.

    Fewer are taken if the day's capacity or the horizon (SLOT_HORIZON_SECONDS) ends first, or if
    the number may use only a `part` of its speed: then a few at a time, and only when they are due.
    """
    sender = sender or leases.this_process()
    speed = health.effective(health.rate(number, now), part)
    spacing = 1.0 / utilisation.slots_per_second(speed)
    if part is not None:
        count = min(count, max(1, int(speed * PORTION_SECONDS)))
    # A reduced number's clock also says when it may send again.
    afresh = part is None and number.holder not in ("", sender.name)
    count = min(count, _room(number, spacing, now, afresh=afresh))
    if count < 1:
        return None
    length = count * spacing
    began, seconds = sender.clock(), leases.seconds()
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
                "horizon": settings.SLOT_HORIZON_SECONDS
                if part is None
                else length + AHEAD_SECONDS,
                "cooldown": settings.BREAKER_COOLDOWN_SECONDS,
                "trial": TRIAL_MESSAGES,
                "me": sender.name,
                "seen": number.holder,
                "renewals": number.renewals,
                "afresh": afresh,
                "lease": seconds,
                "new": sender.is_new(number.pk),
            },
        )
        row = cursor.fetchone()
    if row is None:  # another process took the slots, or the number changed, since it was read
        return None
    lease = sender.extend(number.pk, began, seconds)
    if lease is None:
        return None
    return Reservation(
        number_id=number.pk,
        meta_id=number.meta_id,
        portfolio_id=number.portfolio.business_id,
        count=count,
        first=row[0] - length,
        spacing=spacing,
        min_spacing=min(spacing, 1.0 / fastest(number, part)),
        recovering=_recovering(number, now),
        lease=lease,
    )


def keep(slots: Reservation, *, now: datetime, sender: Sender | None = None) -> bool:
    """Extends the lease if it might end before all `slots` are used, late ones included; False:
    they cannot be used. Most times a later reservation has extended it already."""
    seconds = leases.seconds()
    left = slots.lease.left() - max(0.0, slots.slot(slots.count) - now.timestamp())
    sender = sender or leases.this_process()
    if left >= seconds * KEEP_SHARE or sender.is_leaving(slots.number_id):
        return left > 0
    began = sender.clock()
    with connection.cursor() as cursor:
        cursor.execute(
            EXTEND,
            {
                "id": slots.number_id,
                "me": sender.name,
                "now": now.timestamp(),
                "lease": seconds,
            },
        )
        kept = cursor.rowcount == 1
    return kept and sender.extend(slots.number_id, began, seconds) is not None


def fastest(number: PhoneNumber, part: float | None = None) -> float:
    """Late messages may catch up, at a rate half-way between the slots' and the limit."""
    limit = health.effective(health.ceiling(number), part)
    return (limit + utilisation.slots_per_second(limit)) / 2


def _room(number: PhoneNumber, spacing: float, now: datetime, *, afresh: bool) -> int:
    ahead = 0.0 if afresh else max(0.0, number.next_slot - now.timestamp())
    fits = int((settings.SLOT_HORIZON_SECONDS - ahead) / spacing)
    allowed = fits if number.breaker == Breaker.CLOSED else min(fits, TRIAL_MESSAGES)
    return min(allowed, health.daily_ceiling(number) - health.sent_today(number, now))


def _recovering(number: PhoneNumber, now: datetime) -> bool:
    failed_recently = number.heard_at > now.timestamp() - breakers.WINDOW_SECONDS
    returning = return_rule.share(number, now.timestamp()) < return_rule.STEPS[-1]
    return number.failures > 0 or failed_recently or returning or number.breaker != Breaker.CLOSED
