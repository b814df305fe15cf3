"""What is due, asked of the database: the daily distribution, and those planned for a time."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction

from distribution import control
from distribution.models import Content, ContentState, Distribution, DistributionState, Kind
from distribution.models.distributions import UNOPENED

log = logging.getLogger(__name__)


def daily_time(day: date) -> datetime:
    """The daily distribution's planned time on a day in India, whatever the server's zone."""
    return datetime.combine(day, settings.DAILY_TIME, ZoneInfo(settings.TIME_ZONE))


def local_date(now: datetime) -> date:
    """The day in India."""
    return now.astimezone(ZoneInfo(settings.TIME_ZONE)).date()


def open_due(now: datetime) -> list[int]:
    """Open whatever is due; the ids of those that this call opened.

    Beat's start, the tick and any number of copies of both may call it at once.
    """
    plan_daily(now)
    _record_yesterday(now)
    due = Distribution.objects.filter(state__in=UNOPENED, planned_at__lte=now)
    ids = list(due.order_by("planned_at").values_list("pk", flat=True))
    return [pk for pk in ids if _opened(pk, now)]


def _opened(distribution_id: int, now: datetime) -> bool:
    """Open it; one that breaks keeps neither the others nor the rest of the tick from happening."""
    try:
        return control.open_distribution(distribution_id, now=now)
    except Exception:
        log.exception("distribution %d could not be opened", distribution_id)
        return False


def plan_daily(now: datetime) -> Distribution | None:
    """Today's daily distribution, written down once its time has come; None before that."""
    day = local_date(now)
    planned_at = daily_time(day)
    if now < planned_at:
        return None
    existing = Distribution.objects.filter(kind=Kind.DAILY, local_date=day).first()
    if existing is not None:
        return existing
    if _nobody_expects(day, now - planned_at):
        return None
    try:
        with transaction.atomic():
            return Distribution.objects.create(
                kind=Kind.DAILY, local_date=day, planned_at=planned_at
            )
    except IntegrityError:  # another trigger was faster: one a day
        return Distribution.objects.get(kind=Kind.DAILY, local_date=day)


def _record_yesterday(now: datetime) -> None:
    """A day that everybody slept through to its end is written down, to be called missed."""
    day = local_date(now) - timedelta(days=1)
    if Distribution.objects.filter(kind=Kind.DAILY, local_date=day).exists():
        return
    if Content.objects.filter(day=day, state=ContentState.APPROVED, is_fallback=False).exists():
        with suppress(IntegrityError), transaction.atomic():
            Distribution.objects.create(kind=Kind.DAILY, local_date=day, planned_at=daily_time(day))


def _nobody_expects(day: date, lateness: timedelta) -> bool:
    """A house first started in the afternoon has not missed its morning."""
    too_late = lateness > timedelta(seconds=settings.MAX_START_LATENESS_SECONDS)
    return too_late and Content.objects.approved_for(day) is None


def plan_once(*, at: datetime, content: Content | None, kind: Kind = Kind.ONE_TIME) -> Distribution:
    """Plan a one-time distribution; it opens by itself when its time has come."""
    return Distribution.objects.create(
        kind=kind,
        local_date=local_date(at),
        planned_at=at,
        content=content,
        state=DistributionState.SCHEDULED,
    )
