"""A number's health: its current rate and capacity, rests, quality, backups.

Ceilings follow quality; 130429 halves a number's rate, which then climbs again (AIMD). Stored in
columns, so that every process sees the same state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models, transaction
from django.db.models import F
from django.db.models.functions import Least
from django.utils import timezone

from phonepool.models import (
    Breaker,
    NumberState,
    PhoneEvent,
    PhoneNumber,
    Portfolio,
    Quality,
    RampCause,
    Role,
)
from phonepool.numbers import ramp_rule, return_rule, utilisation

# quality → (messages a second, messages a day), at most; design §6
CEILINGS: dict[str, tuple[float, int]] = {
    Quality.HIGH: (float("inf"), 10**9),
    Quality.MEDIUM: (50.0, 10_000),
    Quality.UNKNOWN: (50.0, 10_000),  # a new number has no rating yet: Meta watches it
    Quality.LOW: (20.0, 1_000),
    Quality.FLAGGED: (0.0, 0),
}
LOW_SHARE = 0.5  # LOW also halves what the number itself is allowed
MIN_RATE_PER_SECOND = 5.0  # the minimum after cuts
MIN_REDUCED_RATE = 0.2  # of a part of the speed: less would never fit into the horizon of slots
CLIMB_SHARE_PER_SECOND = 0.1  # of the ceiling: from half to full speed in five seconds
# Minimum time between two cuts: slots reserved before a cut are still sent at the old rate, and
# their refusals must not cut again.
CUT_INTERVAL_SECONDS = 2.0
MAX_REST_FACTOR = 16  # × NUMBER_REST_SECONDS, however often it failed


def ceiling(number: PhoneNumber) -> float:
    """Messages per second that limit and quality allow."""
    own = number.rate_per_second * (LOW_SHARE if number.quality == Quality.LOW else 1.0)
    return min(own, CEILINGS[_quality(number)][0])


def daily_ceiling(number: PhoneNumber) -> int:
    """Messages per day that capacity and quality allow."""
    own = number.daily_capacity * (LOW_SHARE if number.quality == Quality.LOW else 1.0)
    return min(int(own), CEILINGS[_quality(number)][1])


def _quality(number: PhoneNumber) -> str:
    """While a number is warmed up, HIGH is worth no more than MEDIUM."""
    is_new = number.ramp_cause == RampCause.NEW
    return Quality.MEDIUM if is_new and number.quality == Quality.HIGH else number.quality


def sent_today(number: PhoneNumber, now: datetime) -> int:
    """Slots reserved on the day of `now` in India."""
    return number.day_count if number.day == timezone.localdate(now) else 0


def rate(number: PhoneNumber, now: datetime) -> float:
    """Messages per second at `now`: the ceiling, or less while it climbs after a cut."""
    maximum = ceiling(number)
    if number.cut_rate is None:
        return maximum
    climbing = now.timestamp() - number.cut_at - CUT_INTERVAL_SECONDS  # for how many seconds
    climbed = CLIMB_SHARE_PER_SECOND * maximum * max(0.0, climbing)
    return min(maximum, max(MIN_RATE_PER_SECOND, number.cut_rate + climbed))


def reduced(numbers: Iterable[PhoneNumber], now: datetime) -> Mapping[int, float]:
    """Which of the numbers may use only a part of their speed (0..1, by id): those that are warmed
    up or come back. None of them while no other number can take what they leave."""
    moment = now.timestamp()
    parts: dict[int, float] = {}
    whole = False
    for number in numbers:
        part = min(number.ramp, return_rule.share(number, moment))
        if part < ramp_rule.FULL:
            parts[number.pk] = part / 100
        else:
            whole = whole or _carries(number, now)
    return parts if whole else {}


def _carries(number: PhoneNumber, now: datetime) -> bool:
    is_open = number.is_usable and number.breaker == Breaker.CLOSED
    return is_open and sent_today(number, now) < daily_ceiling(number)


def effective(speed: float, part: float | None) -> float:
    """Messages per second of a number that may use only a part of its speed; None: all of it."""
    return speed if part is None else min(speed, max(MIN_REDUCED_RATE, speed * part))


def pool_rate(numbers: Iterable[PhoneNumber], now: datetime) -> float:
    """Messages per second of those of the numbers that are usable."""
    usable = [number for number in numbers if number.is_usable]
    parts = reduced(usable, now)
    return sum(effective(rate(number, now), parts.get(number.pk)) for number in usable)


def cut_rate(number_id: int, *, now: datetime) -> bool:
    """Halves the rate after 130429, once per burst of refusals; True if it was halved now."""
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
    """Pauses portfolios for `seconds`, as Meta asks; how many were not paused before."""
    until = now.timestamp() + seconds
    paused = 0
    for portfolio in portfolios.filter(paused_until__lt=until):
        if portfolio.paused_until <= now.timestamp():
            paused += 1
            for pk in portfolio.numbers.values_list("pk", flat=True):
                record_event(pk, "account_paused", f"{why}: for {seconds:.0f} s", now)
        Portfolio.objects.filter(pk=portfolio.pk, paused_until__lt=until).update(paused_until=until)
    return paused


def rest(number_id: int, reason: str, *, now: datetime) -> bool:
    """Rests the number, twice as long for each consecutive rest; True if it was active."""
    number = PhoneNumber.objects.get(pk=number_id)
    until = _rest_end(number, now)
    active = PhoneNumber.objects.filter(pk=number_id, state=NumberState.ACTIVE)
    rested = active.update(
        state=NumberState.RESTING,
        state_reason=reason[:80],
        rest_until=until,
        failures=Least(F("failures") + 1, 10),
    )
    if rested:
        record_event(number_id, "resting", f"{reason} until {clock(until)}", now)
    return bool(rested)


def _rest_end(number: PhoneNumber, now: datetime) -> datetime:
    """One that came back again and again is out for the day, unless nothing else can send."""
    others = PhoneNumber.objects.carrying().exclude(pk=number.pk)
    if return_rule.is_unsteady(number, now) and others.exists():
        midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(days=1)
    factor = min(2**number.failures, MAX_REST_FACTOR)
    return now + timedelta(seconds=settings.NUMBER_REST_SECONDS * factor)


def wake_rested(now: datetime) -> int:
    """Activates numbers whose rest is over; how many. They come back in steps."""
    over = PhoneNumber.objects.filter(state=NumberState.RESTING, rest_until__lte=now)
    woken = list(over)
    for number in woken:
        if over.filter(pk=number.pk).update(
            state=NumberState.ACTIVE,
            state_reason="",
            rest_until=None,
            **return_rule.beginning(number, now),
        ):
            record_event(number.pk, "woken", "rest is over", now)
    return len(woken)


def reset_failures(number_ids: Iterable[int]) -> None:
    """An accepted message ends the series of rests."""
    PhoneNumber.objects.filter(pk__in=set(number_ids), failures__gt=0).update(failures=0)


def disable(number_id: int, reason: str, *, now: datetime) -> bool:
    """Takes the number out of the pool until a user or Meta brings it back."""
    others = PhoneNumber.objects.filter(pk=number_id).exclude(state=NumberState.DISABLED)
    changed = others.update(state=NumberState.DISABLED, state_reason=reason[:80], rest_until=None)
    if changed:
        record_event(number_id, "disabled", reason, now)
    return bool(changed)


def apply_quality(number_id: int, quality: Quality, *, now: datetime) -> bool:
    """Stores Meta's quality rating. FLAGGED disables the number; a better rating brings back a
    number that was disabled for being flagged. True if the quality changed."""
    with transaction.atomic():
        number = PhoneNumber.objects.select_for_update().get(pk=number_id)
        if number.quality == quality:
            return False
        fields = {}
        if number.quality in (Quality.LOW, Quality.FLAGGED) and quality != Quality.FLAGGED:
            fields = return_rule.beginning(number, now)
        PhoneNumber.objects.filter(pk=number_id).update(quality=quality, quality_at=now, **fields)
        record_event(number_id, "quality", f"{number.quality} → {quality}", now)
        # In the same transaction: after a crash in between it would stay disabled for ever.
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
    """Wakes backups while a primary is lost or the active numbers cannot send `waiting` messages
    before `until`; returns the labels of those woken."""
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
    """Backups on standby, the fastest first; not those of an account whose breaker is open."""
    available = PhoneNumber.objects.standing_by().exclude(portfolio__breaker=Breaker.OPEN)
    return available.order_by("-rate_per_second", "label")


def stand_down(now: datetime) -> int:
    """Returns woken backups to standby when nothing is being sent; how many."""
    active = PhoneNumber.objects.filter(role=Role.BACKUP, state=NumberState.ACTIVE)
    ids = list(active.values_list("pk", flat=True))
    changed = active.filter(pk__in=ids).update(state=NumberState.STANDBY, state_reason="")
    for pk in ids:
        record_event(pk, "standby", "nothing left to send", now)
    return changed


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
    """The number of primaries that cannot make calls now."""
    primaries = PhoneNumber.objects.filter(role=Role.PRIMARY)
    return primaries.exclude(pk__in=PhoneNumber.objects.carrying().values("pk")).count()


def capacity(numbers: Iterable[PhoneNumber], seconds: float, now: datetime) -> int:
    """Messages these numbers can send within `seconds` and their remaining daily capacity."""
    numbers = list(numbers)
    parts = reduced(numbers, now)
    return sum(
        min(
            int(utilisation.slots_per_second(speed_of(number, parts)) * seconds),
            # A number whose quality fell may have sent more than its present ceiling.
            max(0, daily_ceiling(number) - sent_today(number, now)),
        )
        for number in numbers
    )


def speed_of(number: PhoneNumber, parts: Mapping[int, float]) -> float:
    """Messages per second that limit, quality and `reduced` allow."""
    return effective(ceiling(number), parts.get(number.pk))


def record_event(number_id: int, kind: str, detail: str, now: datetime) -> None:
    """Adds an event to the number's history."""
    PhoneEvent.objects.create(number_id=number_id, kind=kind, detail=detail[:200], at=now)


def clock(moment: datetime) -> str:
    """The time of day in the zone of people here: `06:00:12 IST`."""
    return f"{timezone.localtime(moment):%H:%M:%S %Z}"
