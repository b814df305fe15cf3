"""What outsiders may know: today's verdict, the last 28 mornings, and whether something is wrong.

No figure about people and no message of an alert is in it: those name numbers, accounts and people.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert, Distribution, DistributionState, Kind, Severity
from distribution.models.distributions import RUNNING, UNBEGUN
from distribution.runtime import india_time
from distribution.service_level import sla

DAYS = 28
DELAYED = (AlertRule.SLA_AT_RISK, AlertRule.CONGESTION, AlertRule.RECEIPTS_LATE)
INTERRUPTED = (
    AlertRule.DISTRIBUTION_PAUSED,
    AlertRule.MASS_FAILURE,
    AlertRule.NO_NUMBER_AVAILABLE,
    AlertRule.ACCOUNT_BREAKER,
)
# Of the last morning: the past is shown by the mornings themselves.
OVER = (AlertRule.SLA_MISSED, AlertRule.ERROR_BUDGET, AlertRule.DISTRIBUTION_MISSED)


@dataclass(frozen=True, slots=True)
class Morning:
    day: date
    level: str  # good, late, failed, running, none
    words: str


@dataclass(frozen=True, slots=True)
class PublicStatus:
    as_of: datetime
    mornings: list[Morning]  # the latest first: today
    incident: str  # one sentence, or empty

    @property
    def today(self) -> Morning:
        return self.mornings[0]


def read(now: datetime) -> PublicStatus:
    """Two queries."""
    today = india_time.local_date(now)
    rows = Distribution.objects.filter(
        kind=Kind.DAILY, local_date__gt=today - timedelta(days=DAYS), local_date__lte=today
    )
    by_day = {row.local_date: row for row in rows}
    days = [today - timedelta(days=back) for back in range(DAYS)]
    mornings = [_morning(day, by_day.get(day), now) for day in days]
    return PublicStatus(now, mornings, _incident())


def _morning(day: date, row: Distribution | None, now: datetime) -> Morning:
    if row is None or (row.state in UNBEGUN and row.planned_at > now):
        return Morning(day, "none", _("No distribution") if row is None else _("Not yet"))
    if row.state in RUNNING:
        return Morning(day, "running", _("Sending now"))
    if row.state in (*UNBEGUN, DistributionState.MISSED):
        return Morning(day, "failed", _("Not sent"))
    share = sla.stored_shares(row).headline
    if row.state == DistributionState.CANCELLED or share is None:
        return Morning(day, "none", _("Cancelled") if share is None else _("Sent in part"))
    if share >= settings.SLA_TARGET:
        return Morning(day, "good", _("Sent in time"))
    return Morning(day, "late", _("Sent, in part late"))


def _incident() -> str:
    critical = Alert.objects.filter(closed_at=None, severity=Severity.CRITICAL)
    rules = set(critical.exclude(rule__in=OVER).values_list("rule", flat=True))
    if rules & set(INTERRUPTED):
        return _("Sending is interrupted. We are working on it.")
    if rules & set(DELAYED):
        return _("Messages are delayed. We are working on it.")
    return _("We are looking into a problem.") if rules else ""
