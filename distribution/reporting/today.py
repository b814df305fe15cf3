"""What whoever runs the day sees first: what comes next and lacks, seven mornings, open alerts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import Count

from distribution.lifecycle import preflight, schedule
from distribution.lifecycle.preflight import Finding
from distribution.models import (
    Alert,
    BlackoutDate,
    Delivery,
    Distribution,
    DistributionState,
    Kind,
    State,
)
from distribution.models.distributions import RUNNING, UNOPENED

MORNINGS = 7
MOST_ALERTS = 8
GOOD, FAIR, BAD, QUIET = "good", "fair", "bad", "quiet"  # how it looks, also said in words


@dataclass(frozen=True, slots=True)
class Morning:
    """One day of the strip. `share` is the headline SLA, 0..1, None when nothing was measured."""

    day: date
    distribution: Distribution | None
    word: str
    tone: str
    share: float | None
    failed: int

    @property
    def percent(self) -> str:
        return "" if self.share is None else f"{self.share:.1%}"


@dataclass(frozen=True, slots=True)
class Board:
    """The home of the admin. `next` may be an unsaved row: the daily one of a day to come."""

    running: list[Distribution]
    next: Distribution | None
    findings: list[Finding]
    mornings: list[Morning]
    alerts: list[Alert]
    open_alerts: int

    @property
    def ready(self) -> bool:
        return self.next is not None and not self.findings


def read(now: datetime) -> Board:
    """All of it, about a dozen queries however many people there are."""
    following = held_back(now) or schedule.next_due(now)
    alerts = list(Alert.objects.filter(closed_at=None).select_related("acknowledged_by"))
    alerts.sort(key=lambda alert: (alert.acknowledged_at is not None, alert.severity))
    return Board(
        running=list(Distribution.objects.running().order_by("planned_at")),
        next=following,
        findings=preflight.findings(following, now=now) if following else [],
        mornings=mornings(now),
        alerts=alerts[:MOST_ALERTS],
        open_alerts=len(alerts),
    )


def held_back(now: datetime) -> Distribution | None:
    """One whose time has come and that a finding keeps shut."""
    due = Distribution.objects.filter(state__in=UNOPENED, planned_at__lte=now)
    return due.order_by("planned_at").first()


def mornings(now: datetime) -> list[Morning]:
    """The last seven days, today last; a day without a distribution says so."""
    today = schedule.local_date(now)
    first = today - timedelta(days=MORNINGS - 1)
    rows = Distribution.objects.filter(kind=Kind.DAILY, local_date__range=(first, today))
    found = {row.local_date: row for row in rows}
    dark = BlackoutDate.objects.filter(day__range=(first, today))
    reasons = dict(dark.values_list("day", "reason"))
    failed = _failed(list(found.values()))
    days = [first + timedelta(days=days) for days in range(MORNINGS)]
    return [_morning(day, found.get(day), reasons, failed) for day in days]


def _failed(rows: list[Distribution]) -> dict[int, int]:
    """Failures by distribution: as stored when it was completed, else counted."""
    stored = {row.pk: int(row.results["failed"]) for row in rows if "failed" in row.results}
    open_ones = [row.pk for row in rows if row.pk not in stored and row.opened_at]
    if not open_ones:
        return stored
    failures = Delivery.objects.filter(distribution__in=open_ones, state=State.FAILED).order_by()
    counted = failures.values_list("distribution").annotate(rows=Count("pk"))
    return {**stored, **dict(counted)}


def _morning(
    day: date, row: Distribution | None, dark: dict[date, str], failed: dict[int, int]
) -> Morning:
    if row is None:
        word = f"Blackout: {dark[day]}" if day in dark else "Nothing was sent"
        return Morning(day, None, word, QUIET, None, 0)
    share = row.sla_delivered if settings.SLA_BASIS == "delivered" else row.sla_accepted
    tone = _tone(row, share)
    return Morning(day, row, row.get_state_display(), tone, share, failed.get(row.pk, 0))


def _tone(row: Distribution, share: float | None) -> str:
    if row.state in (DistributionState.MISSED, DistributionState.BLOCKED):
        return BAD
    if row.state in RUNNING:
        return FAIR
    if row.state != DistributionState.COMPLETED or share is None:
        return QUIET
    if share >= settings.SLA_TARGET:
        return GOOD
    return FAIR if share >= settings.SLA_ALERT_THRESHOLD else BAD
