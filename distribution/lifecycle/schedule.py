"""Which distributions are due, from the database: the daily one, and those planned for a time."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from distribution.lifecycle import confirmation, control, opening, repetition
from distribution.lifecycle.confirmation import Requester
from distribution.models import (
    BlackoutDate,
    Content,
    ContentState,
    DailyTime,
    Distribution,
    DistributionState,
    Kind,
)
from distribution.models.distributions import UNOPENED, DistributionQuerySet
from distribution.runtime import india_time
from distribution.runtime.india_time import local_date

log = logging.getLogger(__name__)

LOOKAHEAD_DAYS = 30  # how far past blackout dates the next daily one is looked for


class ScheduleError(ValueError):
    """The request contradicts the calendar. The text is for a human."""


class RepetitionError(ScheduleError):
    """People have the same content that day already, or are to have it."""


def daily_time(day: date) -> datetime:
    """The daily distribution's planned time on a day in India, whatever the server's zone."""
    return time_on(day, daily_times(day).values_list("time", flat=True).first())


def daily_times(day: date) -> QuerySet[DailyTime]:
    """The daily times set up to a day; the first is the one in force."""
    return DailyTime.objects.filter(from_day__lte=day).order_by("-from_day")


def time_on(day: date, at: time | None) -> datetime:
    """That time on a day in India; `None` is the time of the settings."""
    return india_time.local_datetime(day, at or settings.DAILY_TIME)


def open_due(now: datetime) -> list[int]:
    """Open whatever is due; the ids of those that this call opened.

    Beat's start, the tick and any number of copies of both may call it at once.
    """
    plan_daily(now)
    confirmation.expire(now)
    _store_missed_yesterday(now)
    due = Distribution.objects.filter(state__in=UNOPENED, planned_at__lte=now)
    dark = BlackoutDate.objects.filter(day=local_date(now)).first()
    if dark is not None:
        _cancel_on_blackout(dark, now)
        due = due.exclude(pk__in=_stopped_by(dark, due).values("pk"))
    ids = list(due.order_by("planned_at").values_list("pk", flat=True))
    return [pk for pk in ids if _try_open(pk, now)]


def next_due(now: datetime) -> Distribution | None:
    """The next distribution that will begin, blackout dates passed over; None: not in 30 days.

    A planned one as it is stored; a daily one that is not stored yet as an unsaved row.
    """
    today = local_date(now)
    dark = set(BlackoutDate.objects.filter(day__gte=today).values_list("day", flat=True))
    daily = _next_daily(today, dark, now)
    planned = Distribution.objects.filter(state__in=UNOPENED, planned_at__gt=now)
    stored = planned.exclude(local_date__in=dark).order_by("planned_at").first()
    candidates = [candidate for candidate in (stored, daily) if candidate is not None]
    return min(candidates, key=lambda candidate: candidate.planned_at, default=None)


def _next_daily(today: date, dark: set[date], now: datetime) -> Distribution | None:
    begun = Distribution.objects.filter(kind=Kind.DAILY, local_date__gte=today)
    passed = dark | set(begun.values_list("local_date", flat=True))
    for days in range(LOOKAHEAD_DAYS):
        day = today + timedelta(days=days)
        if day not in passed and (at := daily_time(day)) > now:
            return Distribution(kind=Kind.DAILY, local_date=day, planned_at=at)
    return None


def _cancel_on_blackout(dark: BlackoutDate, now: datetime) -> None:
    """Cancel what would begin on a blackout date; the rows stay as the day's record."""
    due = Distribution.objects.filter(state__in=UNOPENED, planned_at__lte=now)
    for pk in list(_stopped_by(dark, due).values_list("pk", flat=True)):
        with suppress(control.ControlError):  # another process was faster
            control.cancel(pk, reason=f"Blackout date: {dark.reason}", now=now)


def _stopped_by(dark: BlackoutDate, rows: DistributionQuerySet) -> DistributionQuerySet:
    """Those that the date stops: a distribution started by hand that day is intended."""
    return rows.filter(local_date=dark.day, kind__in=(Kind.DAILY, Kind.ONE_TIME))


def _try_open(distribution_id: int, now: datetime) -> bool:
    """Open it; one that fails keeps neither the others nor the rest of the tick from happening."""
    try:
        return opening.open_distribution(distribution_id, now=now)
    except Exception:
        log.exception("distribution %d could not be opened", distribution_id)
        return False


def plan_daily(now: datetime) -> Distribution | None:
    """Today's daily distribution, stored once its time has come; None before that."""
    day = local_date(now)
    planned_at = daily_time(day)
    if now < planned_at:
        return None
    existing = Distribution.objects.filter(kind=Kind.DAILY, local_date=day).first()
    if existing is not None:
        return existing
    if _is_unexpected(day, now - planned_at):
        return None
    try:
        with transaction.atomic():
            return Distribution.objects.create(
                kind=Kind.DAILY, local_date=day, planned_at=planned_at
            )
    except IntegrityError:  # another trigger was faster: one a day
        return Distribution.objects.get(kind=Kind.DAILY, local_date=day)


def _store_missed_yesterday(now: datetime) -> None:
    """A day during which no process ran is stored, so that it is recorded as missed."""
    day = local_date(now) - timedelta(days=1)
    if Distribution.objects.filter(kind=Kind.DAILY, local_date=day).exists():
        return
    if BlackoutDate.objects.filter(day=day).exists():
        return
    if Content.objects.filter(day=day, state=ContentState.APPROVED, is_fallback=False).exists():
        with suppress(IntegrityError), transaction.atomic():
            Distribution.objects.create(kind=Kind.DAILY, local_date=day, planned_at=daily_time(day))


def _is_unexpected(day: date, lateness: timedelta) -> bool:
    """A service first started in the afternoon has not missed a distribution."""
    too_late = lateness > timedelta(seconds=settings.MAX_START_LATENESS_SECONDS)
    return too_late and Content.objects.approved_for(day) is None


def plan_once(
    *,
    at: datetime,
    content: Content | None,
    kind: Kind = Kind.ONE_TIME,
    again_reason: str = "",
    requester: Requester | None = None,
) -> Distribution:
    """Plan a one-time distribution; the tick or the keeper opens it at its time.

    With a requester it awaits the confirmation of another person. Raises ScheduleError on a
    blackout date. For a person: `plan_by_hand`.
    """
    dark = BlackoutDate.objects.filter(day=local_date(at)).first()
    if dark is not None:
        raise ScheduleError(
            _("%(date)s. Nothing is sent on that day. Choose another.") % {"date": dark}
        )
    return Distribution.objects.create(
        kind=kind,
        local_date=local_date(at),
        planned_at=at,
        content=content,
        again_reason=again_reason[:200],
        **(requester.fields(kind, at) if requester else {}),
    )


def plan_by_hand(
    *,
    at: datetime,
    content: Content | None,
    now: datetime,
    requester: Requester,
    again_reason: str = "",
) -> Distribution:
    """Plan a one-time distribution for a person; another one confirms it. Raises ScheduleError if
    people have the same content that day already, or are to have it, and no reason says why they
    get it twice."""
    with transaction.atomic():
        day = local_date(at)
        said = content or Content.objects.approved_for(day)
        if said is not None and not again_reason:
            repetition.lock(said)
            _refuse_repetition(said, day, daily_to_come=_to_come(day, now))
        planned = plan_once(at=at, content=content, again_reason=again_reason, requester=requester)
        confirmation.ask(planned, now=now)
        return planned


def _to_come(day: date, now: datetime) -> bool:
    """Whether the day's daily distribution is not stored yet and will begin."""
    stored = Distribution.objects.filter(kind=Kind.DAILY, local_date=day).exists()
    return not stored and daily_time(day) > now


def _refuse_repetition(content: Content, day: date, *, daily_to_come: bool) -> None:
    if objection := repetition.objection(content, day, daily_to_come=daily_to_come):
        raise RepetitionError(objection)


def plan_now(
    content: Content, *, requester: Requester, again_reason: str, now: datetime
) -> Distribution:
    """Plan a distribution by hand, with this content: once another person has confirmed it, the
    next process that looks opens it.

    Today's content, which two people have seen for today, needs no further confirmation and brings
    the daily distribution forward, so that it is not sent once more at the daily time. Raises
    ScheduleError on a blackout date and, without a reason to send it again, when this content is
    sent or was sent already, or the same content is sent that day. The message template's row is
    locked meanwhile: of two concurrent callers one sees the other's distribution.
    """
    repetition.lock(content)
    ended = (DistributionState.CANCELLED, DistributionState.MISSED)
    same = Distribution.objects.filter(content=content).exclude(state__in=ended)
    earlier = None if again_reason else same.order_by("pk").first()
    if earlier is not None:
        raise RepetitionError(
            _(
                "Distribution %(id)s already sends this content, so people would get it twice. "
                "If they should, give a reason."
            )
            % {"id": earlier.pk}
        )
    day = local_date(now)
    is_todays = now < daily_time(day) and content == Content.objects.approved_for(day)
    known = Distribution.objects.filter(kind=Kind.DAILY, local_date=day).exists()
    kind = Kind.DAILY if is_todays and not known else Kind.MANUAL
    if not again_reason:
        _refuse_repetition(content, day, daily_to_come=kind != Kind.DAILY and _to_come(day, now))
    try:
        with transaction.atomic():
            planned = plan_once(
                at=now,
                content=content,
                kind=kind,
                again_reason=again_reason,
                requester=requester if kind != Kind.DAILY else None,
            )
            confirmation.ask(planned, now=now)
            return planned
    except IntegrityError:
        raise ScheduleError(
            _("The daily distribution is starting with this content right now.")
        ) from None
