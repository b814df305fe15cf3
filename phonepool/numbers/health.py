"""A number's health: what it may carry now, and when it rests, falls out or wakes.

Ceilings follow quality; 130429 halves a number's rate, which climbs back by itself (AIMD). All
of it is columns, so every process agrees.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Least
from django.utils import timezone

from phonepool.models import (
    Breaker,
    NumberState,
    PhoneEvent,
    PhoneNumber,
    Portfolio,
    Quality,
    Role,
)

# quality → (messages a second, messages a day), at most; design §6
CEILINGS: dict[str, tuple[float, int]] = {
    Quality.HIGH: (float("inf"), 10**9),
    Quality.UNKNOWN: (float("inf"), 10**9),  # a new number has no rating yet
    Quality.MEDIUM: (50.0, 10_000),
    Quality.LOW: (20.0, 1_000),
    Quality.FLAGGED: (0.0, 0),
}
LOW_SHARE = 0.5  # LOW also halves what the number itself is allowed
MIN_RATE_PER_SECOND = 5.0  # a cut never goes below: a number that may send, sends
CLIMB_SHARE_PER_SECOND = 0.1  # of the ceiling: from half to full speed in five seconds
# Seconds between two cuts: slots given out before a cut still go at the old rate, and their
# refusals are old news.
CUT_INTERVAL_SECONDS = 2.0
MAX_REST_FACTOR = 16  # × NUMBER_REST_SECONDS, however often it failed


def ceiling(number: PhoneNumber) -> float:
    """Messages a second that limit and quality allow."""
    own = number.rate_per_second * (LOW_SHARE if number.quality == Quality.LOW else 1.0)
    return min(own, CEILINGS[number.quality][0])


def daily_ceiling(number: PhoneNumber) -> int:
    """Messages a day that capacity and quality allow."""
    own = number.daily_capacity * (LOW_SHARE if number.quality == Quality.LOW else 1.0)
    return min(int(own), CEILINGS[number.quality][1])


def sent_today(number: PhoneNumber, now: datetime) -> int:
    """Slots given out on the day, in India, that `now` is in."""
    return number.day_count if number.day == timezone.localdate(now) else 0


def rate(number: PhoneNumber, now: datetime) -> float:
    """Messages a second right now: the ceiling, or less while it climbs after a cut."""
    top = ceiling(number)
    if number.cut_rate is None:
        return top
    quiet = now.timestamp() - number.cut_at - CUT_INTERVAL_SECONDS  # seconds without another cut
    climbed = CLIMB_SHARE_PER_SECOND * top * max(0.0, quiet)
    return min(top, max(MIN_RATE_PER_SECOND, number.cut_rate + climbed))


def cut_rate(number_id: int, *, now: datetime) -> bool:
    """Halve the rate after 130429, once for a burst of refusals; True when it was halved now."""
    number = PhoneNumber.objects.get(pk=number_id)
    halved = max(MIN_RATE_PER_SECOND, rate(number, now) / 2)
    moment = now.timestamp()
    cut = PhoneNumber.objects.filter(
        pk=number_id, cut_at__lte=moment - CUT_INTERVAL_SECONDS
    ).update(cut_rate=halved, cut_at=moment)
    if cut:
        record_event(number_id, "rate_cut", f"to {halved:.0f}/s after a throughput refusal", now)
    return bool(cut)


def pause_account(
    portfolios: models.QuerySet[Portfolio], seconds: float, why: str, *, now: datetime
) -> int:
    """Nothing goes by any number of these for so long, as Meta asks; how many it is news to."""
    until = now.timestamp() + seconds
    told = 0
    for portfolio in portfolios.filter(paused_until__lt=until):
        if portfolio.paused_until <= now.timestamp():
            told += 1
            for pk in portfolio.numbers.values_list("pk", flat=True):
                record_event(pk, "account_paused", f"{why}: for {seconds:.0f} s", now)
        Portfolio.objects.filter(pk=portfolio.pk, paused_until__lt=until).update(paused_until=until)
    return told


def rest(number_id: int, reason: str, *, now: datetime) -> bool:
    """Leave the number alone for a while, twice as long each time in a row."""
    number = PhoneNumber.objects.get(pk=number_id)
    factor = min(2**number.failures, MAX_REST_FACTOR)
    until = now + timedelta(seconds=settings.NUMBER_REST_SECONDS * factor)
    active = PhoneNumber.objects.filter(pk=number_id, state=NumberState.ACTIVE)
    rested = active.update(
        state=NumberState.RESTING,
        state_reason=reason[:80],
        rest_until=until,
        failures=Least(F("failures") + 1, 10),
    )
    if rested:
        record_event(number_id, "resting", f"{reason} until {until:%H:%M:%S} UTC", now)
    return bool(rested)


def wake_rested(now: datetime) -> int:
    """Rested numbers go back to work; how many."""
    over = PhoneNumber.objects.filter(state=NumberState.RESTING, rest_until__lte=now)
    woken = list(over.values_list("pk", flat=True))
    for pk in woken:
        if over.filter(pk=pk).update(state=NumberState.ACTIVE, state_reason="", rest_until=None):
            record_event(pk, "woken", "rest is over", now)
    return len(woken)


def reset_failures(number_ids: Iterable[int]) -> None:
    """Accepted messages end a row of rests."""
    PhoneNumber.objects.filter(pk__in=set(number_ids), failures__gt=0).update(failures=0)


def disable(number_id: int, reason: str, *, now: datetime) -> bool:
    """Out of the pool until a human or Meta brings it back."""
    others = PhoneNumber.objects.filter(pk=number_id).exclude(state=NumberState.DISABLED)
    changed = others.update(state=NumberState.DISABLED, state_reason=reason[:80], rest_until=None)
    if changed:
        record_event(number_id, "disabled", reason, now)
    return bool(changed)


def apply_quality(number_id: int, quality: Quality, *, now: datetime) -> bool:
    """Take Meta's word on quality; FLAGGED puts the number out, anything better brings back
    a number that was out for being flagged."""
    with transaction.atomic():
        number = PhoneNumber.objects.select_for_update().get(pk=number_id)
        if number.quality == quality:
            return False
        PhoneNumber.objects.filter(pk=number_id).update(quality=quality, quality_at=now)
        record_event(number_id, "quality", f"{number.quality} → {quality}", now)
        # In the same transaction: a crash in between would leave it out for ever.
        if quality == Quality.FLAGGED:
            disable(number_id, FLAGGED_REASON, now=now)
        elif number.quality == Quality.FLAGGED:
            _bring_back(number, now)
    return True


FLAGGED_REASON = "flagged by Meta"


def _bring_back(number: PhoneNumber, now: datetime) -> None:
    home = NumberState.STANDBY if number.role == Role.BACKUP else NumberState.ACTIVE
    flagged = PhoneNumber.objects.filter(
        pk=number.pk, state=NumberState.DISABLED, state_reason=FLAGGED_REASON
    )
    if flagged.update(state=home, state_reason=""):
        record_event(number.pk, "enabled", "no longer flagged", now)


def ensure_capacity(waiting: int, *, until: datetime, now: datetime) -> list[str]:
    """Wake backups while a primary is lost or the active numbers cannot carry `waiting` messages
    before `until`; the labels of those woken."""
    woken = []
    for backup in list(_available_backups()):
        reason = _wake_reason(waiting, until, now)
        if not reason:
            break
        standby = PhoneNumber.objects.filter(pk=backup.pk, state=NumberState.STANDBY)
        if standby.update(state=NumberState.ACTIVE, state_reason=reason):
            record_event(backup.pk, "woken", reason, now)
            woken.append(backup.label)
    return woken


def _available_backups() -> models.QuerySet[PhoneNumber]:
    """Backups that could help, the strongest first: not those of an account that is ill."""
    well = PhoneNumber.objects.standing_by().exclude(portfolio__breaker=Breaker.OPEN)
    return well.order_by("-rate_per_second", "label")


def stand_down(now: datetime) -> int:
    """When nothing is being sent, woken backups go back to standing by; how many."""
    awake = PhoneNumber.objects.filter(role=Role.BACKUP, state=NumberState.ACTIVE)
    ids = list(awake.values_list("pk", flat=True))
    stood = awake.filter(pk__in=ids).update(state=NumberState.STANDBY, state_reason="")
    for pk in ids:
        record_event(pk, "standby", "nothing left to send", now)
    return stood


def _wake_reason(waiting: int, until: datetime, now: datetime) -> str:
    active = list(PhoneNumber.objects.carrying())
    awake = sum(number.role == Role.BACKUP for number in active)
    if lost_primaries() > awake:
        return "a primary is lost"
    seconds = max(0.0, (until - now).total_seconds())
    if capacity(active, seconds, now) < waiting:
        return "the active numbers cannot meet the window"
    return ""


def lost_primaries() -> int:
    """Primaries that no calls go through now."""
    lost = ~Q(state=NumberState.ACTIVE) | Q(quality=Quality.FLAGGED) | ~Q(breaker=Breaker.CLOSED)
    return PhoneNumber.objects.filter(lost, role=Role.PRIMARY).count()


def capacity(numbers: Iterable[PhoneNumber], seconds: float, now: datetime) -> int:
    """Messages these numbers can carry in so many seconds, their daily rest considered."""
    return sum(
        min(
            int(ceiling(number) * settings.SLOT_UTILISATION * seconds),
            # A number that lost quality may have sent more than it may now.
            max(0, daily_ceiling(number) - sent_today(number, now)),
        )
        for number in numbers
    )


def record_event(number_id: int, kind: str, detail: str, now: datetime) -> None:
    """One line more in the number's history."""
    PhoneEvent.objects.create(number_id=number_id, kind=kind, detail=detail[:200], at=now)
