"""Repairs timestamps that were left in the future when the machine's clock was set back.

Noticed by a heartbeat that lies in the future. Only times further ahead than any could be are
brought back, so two machines whose clocks differ do no harm to each other.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Delivery, Distribution, Heartbeat, State, StatusFeed
from distribution.models.deliveries import CLAIMABLE, IN_HAND
from phonepool.numbers import clock_repair as number_clocks
from phonepool.numbers.clock_repair import SKEW_SECONDS


def record_heartbeat(name: str, now: datetime, doing: str = "") -> None:
    """Record that `name` is alive; repair what a clock that was set back left in the future."""
    latest = now + timedelta(seconds=SKEW_SECONDS)
    if Heartbeat.record(name, now, doing, not_after=latest):
        return
    ahead = Heartbeat.objects.filter(pk=name, at__gt=latest).first()
    if ahead is not None:
        _alert(ahead.at - now, repair(now), now)
    Heartbeat.record(name, now, doing)


def repair(now: datetime) -> int:
    """Bring impossible times of running distributions and numbers back; how many rows."""
    skew = timedelta(seconds=SKEW_SECONDS)
    lease = timedelta(seconds=settings.LEASE_SECONDS)
    longest = timedelta(seconds=max(settings.RETRY_DELAYS_SECONDS))
    rows = Delivery.objects.filter(distribution__in=Distribution.objects.running())
    waiting = rows.filter(state__in=CLAIMABLE, next_at__gt=now + longest + skew)
    leased = rows.filter(state__in=IN_HAND)
    unknown = rows.filter(state=State.UNKNOWN, unknown_at__gt=now + skew)
    read = StatusFeed.objects.filter(applied_through__gt=now + skew)
    away = StatusFeed.objects.filter(receiver_away_at__gt=now + skew)
    return (
        waiting.update(next_at=now)
        + leased.filter(lease_until__gt=now + lease + skew).update(lease_until=now + lease)
        + unknown.update(unknown_at=now)  # its whole wait begins again
        + read.update(applied_through=None)  # the next drain writes it again
        + away.update(receiver_away_at=now)
        + number_clocks.repair(now)
    )


def _alert(back: timedelta, repaired: int, now: datetime) -> None:
    """An incident that is over when it is noticed: opened and closed at once."""
    message = (
        f"The clock was set back by {back.total_seconds():.0f} s. {repaired} times that were too "
        "far ahead were corrected. Check time synchronisation on the servers."
    )
    incidents.raise_alert(AlertRule.CLOCK_SET_BACK, message=message, now=now)
    incidents.close_alert(AlertRule.CLOCK_SET_BACK, now=now)
