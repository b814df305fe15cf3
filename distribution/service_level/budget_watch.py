"""The error budget after each morning: read, and alerted if one morning or a week spent much."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.conf import settings

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert, Distribution, DistributionState, Kind, Severity
from distribution.runtime import india_time
from distribution.runtime.text_formats import percent
from distribution.service_level import budget, sla
from distribution.service_level.budget import DAYS, Budget, Morning


def read(today: date) -> Budget | None:
    """Of the daily distributions of the last 28 days; one query."""
    rows = Distribution.objects.filter(
        kind=Kind.DAILY,
        state=DistributionState.COMPLETED,
        local_date__gt=today - timedelta(days=DAYS),
        local_date__lte=today,
    )
    mornings = [
        Morning(row.local_date, share)
        for row in rows
        if (share := sla.stored_shares(row).headline) is not None
    ]
    return budget.reckon(mornings, target=settings.SLA_TARGET, today=today)


def look(distribution: Distribution, *, now: datetime) -> None:
    """After a daily distribution: tell of a morning that cost much; a good one closes the alerts
    of the days before."""
    if distribution.kind != Kind.DAILY:
        return
    found = read(india_time.local_date(now))
    if found is None:
        return
    severity = _severity(found)
    if severity is None:
        incidents.close_all(Alert.objects.filter(rule=AlertRule.ERROR_BUDGET), now=now)
        return
    incidents.raise_alert(
        AlertRule.ERROR_BUDGET,
        distribution.local_date.isoformat(),
        severity=severity,
        message=f"{distribution} spent {percent(found.latest)} of the error budget of {DAYS} days, "
        f"the last week {percent(found.week)}. {_left(found)}",
        now=now,
    )


def _severity(found: Budget) -> Severity | None:
    if found.latest > budget.BAD_MORNING or found.week > budget.BAD_WEEK:
        return Severity.CRITICAL
    return Severity.WARNING if found.latest > budget.NOTABLE_MORNING else None


def _left(found: Budget) -> str:
    if found.remaining <= 0:
        return "Nothing of it is left."
    return f"{percent(found.remaining)} is left."
