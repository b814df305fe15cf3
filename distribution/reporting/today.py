"""The admin's home: the next distribution and what it lacks, the last seven days, open alerts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import Count

from distribution.lifecycle import preflight, schedule
from distribution.lifecycle.preflight import Preflight, PreflightFinding
from distribution.models import (
    Alert,
    BlackoutDate,
    Content,
    Delivery,
    Distribution,
    DistributionState,
    Kind,
    State,
)
from distribution.models.distributions import RUNNING, UNOPENED
from distribution.runtime import india_time
from subscribers import shown_part
from subscribers.shown_part import Part

DAYS_SHOWN = 7
ALERTS_SHOWN = 8
NOTHING_PLANNED = Preflight(None, [])
GOOD, FAIR, BAD, QUIET = "good", "fair", "bad", "quiet"  # colours; the words say the same


@dataclass(frozen=True, slots=True)
class DayResult:
    """How one day ended. `share` is the headline SLA, 0..1; None when nothing was measured."""

    day: date
    distribution: Distribution | None
    word: str
    colour: str
    share: float | None
    failed: int

    @property
    def percent(self) -> str:
        return "" if self.share is None else f"{self.share:.1%}"


@dataclass(frozen=True, slots=True)
class Today:
    """The admin's home. `next` may be an unsaved row: the daily distribution of a future day."""

    running: list[Distribution]
    next: Distribution | None
    content: Content | None  # of the next one
    findings: list[PreflightFinding]
    days: list[DayResult]
    alerts: Part  # of the open ones

    @property
    def ready(self) -> bool:
        return self.next is not None and not self.findings


def load(now: datetime) -> Today:
    """Read all of it: about a dozen queries, however large the audience."""
    upcoming = held_back(now) or schedule.next_due(now)
    alerts = list(Alert.objects.filter(closed_at=None).select_related("acknowledged_by"))
    checked = preflight.check(upcoming, now=now) if upcoming else NOTHING_PLANNED
    alerts.sort(key=lambda alert: (alert.acknowledged_at is not None, alert.severity))
    return Today(
        running=list(Distribution.objects.running().order_by("planned_at")),
        next=upcoming,
        content=checked.content,
        findings=checked.findings,
        days=day_results(now),
        alerts=shown_part.of(alerts, ALERTS_SHOWN),
    )


def held_back(now: datetime) -> Distribution | None:
    """The earliest distribution that is due and not opened: a preflight finding blocks it."""
    due = Distribution.objects.filter(state__in=UNOPENED, planned_at__lte=now)
    return due.order_by("planned_at").first()


def day_results(now: datetime) -> list[DayResult]:
    """The last seven days, today last; a day without a distribution gets a result, too."""
    today = india_time.local_date(now)
    first = today - timedelta(days=DAYS_SHOWN - 1)
    rows = Distribution.objects.filter(kind=Kind.DAILY, local_date__range=(first, today))
    by_day = {row.local_date: row for row in rows}
    blackouts = BlackoutDate.objects.filter(day__range=(first, today))
    reasons = dict(blackouts.values_list("day", "reason"))
    failed = _failed(list(by_day.values()))
    days = [first + timedelta(days=offset) for offset in range(DAYS_SHOWN)]
    return [_day_result(day, by_day.get(day), reasons, failed) for day in days]


def _failed(rows: list[Distribution]) -> dict[int, int]:
    """Failures by distribution: as stored at its completion, else counted."""
    stored = {row.pk: int(row.results["failed"]) for row in rows if "failed" in row.results}
    uncounted = [row.pk for row in rows if row.pk not in stored and row.opened_at]
    if not uncounted:
        return stored
    failures = Delivery.objects.filter(distribution__in=uncounted, state=State.FAILED).order_by()
    counted = failures.values_list("distribution").annotate(rows=Count("pk"))
    return {**stored, **dict(counted)}


def _day_result(
    day: date, row: Distribution | None, blackouts: dict[date, str], failed: dict[int, int]
) -> DayResult:
    if row is None:
        word = f"Blackout: {blackouts[day]}" if day in blackouts else "Nothing was sent"
        return DayResult(day, None, word, QUIET, None, 0)
    share = row.sla_delivered if settings.SLA_BASIS == "delivered" else row.sla_accepted
    colour = _colour(row, share)
    return DayResult(day, row, row.get_state_display(), colour, share, failed.get(row.pk, 0))


def _colour(row: Distribution, share: float | None) -> str:
    if row.state in (DistributionState.MISSED, DistributionState.BLOCKED):
        return BAD
    if row.state in RUNNING:
        return FAIR
    if row.state != DistributionState.COMPLETED or share is None:
        return QUIET
    if share >= settings.SLA_TARGET:
        return GOOD
    return FAIR if share >= settings.SLA_ALERT_THRESHOLD else BAD
