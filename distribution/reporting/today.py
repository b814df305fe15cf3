"""The admin's home: the next distribution and what blocks it, the last seven days, open alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.db.models import Count
from django.utils.translation import gettext as _

from distribution.cached import audience
from distribution.lifecycle import ladder, preflight, schedule
from distribution.lifecycle.capacity_plan import CapacityPlan
from distribution.lifecycle.preflight import Preflight, PreflightFinding
from distribution.models import (
    Alert,
    Approval,
    BlackoutDate,
    Content,
    ContentState,
    Decision,
    Delivery,
    Distribution,
    DistributionState,
    Kind,
    LadderRung,
    State,
)
from distribution.models.distributions import RUNNING, UNOPENED
from distribution.runtime import india_time
from distribution.runtime.text_formats import percent, relative
from distribution.service_level import sla
from distribution.service_level.sla import Shares
from subscribers import shown_part
from subscribers.models import ConsentEvent, Subscriber
from subscribers.shown_part import Part

DAYS_SHOWN = 7
ALERTS_SHOWN = 8
NOTHING_PLANNED = Preflight(None, [])
NOT_MEASURED = Shares(None, None)
GOOD, FAIR, BAD, QUIET = "good", "fair", "bad", "quiet"  # colours; the words say the same


@dataclass(frozen=True, slots=True)
class DayResult:
    """How one distribution, or a day without one, ended. Shares are of those owed, 0..1; None
    when nothing was measured."""

    day: date
    distribution: Distribution | None
    word: str
    colour: str
    shares: Shares = NOT_MEASURED
    failed: int = 0
    others: Sequence[DayResult] = ()  # of the day's one-time and manual distributions

    @property
    def percent(self) -> str:
        """The headline; empty if nothing was measured."""
        return "" if self.shares.headline is None else percent(self.shares.headline)

    @property
    def beside(self) -> str:
        """The other measure in words."""
        if self.shares.headline is None:
            return ""
        if settings.SLA_BASIS == "delivered":
            return _("%s accepted") % percent(self.shares.accepted)
        return _("%s delivered") % percent(self.shares.delivered)


@dataclass(frozen=True, slots=True)
class People:
    """How many receive messages, and what today changed about that."""

    active: int
    joined: int  # today
    left: int


@dataclass(frozen=True, slots=True)
class Today:
    """The admin's home. `next` may be an unsaved row: the daily distribution of a future day."""

    at: datetime
    running: list[Distribution]
    next: Distribution | None
    content: Content | None  # of the next one
    approval: Approval | None  # by which the content may be sent
    findings: list[PreflightFinding]
    plan: CapacityPlan | None
    ladder: list[LadderRung]  # what takes over if the content cannot be sent
    unapproved: list[Content]  # waits for review and is meant for that day
    people: People
    days: list[DayResult]
    alerts: Part  # of the open ones

    @property
    def blocked(self) -> bool:
        return any(finding.blocking for finding in self.findings)

    @property
    def ready(self) -> bool:
        """Notes do not keep a distribution from starting."""
        return self.next is not None and not self.blocked

    @property
    def next_in(self) -> str:
        return relative(self.next.planned_at, self.at) if self.next else ""


def load(now: datetime) -> Today:
    """Read all of it: some fifteen queries, however large the audience."""
    upcoming = held_back(now) or schedule.next_due(now)
    alerts = list(Alert.objects.filter(closed_at=None).select_related("acknowledged_by"))
    checked = preflight.check(upcoming, now=now) if upcoming else NOTHING_PLANNED
    alerts.sort(key=lambda alert: (alert.acknowledged_at is not None, alert.severity))
    return Today(
        at=now,
        running=list(Distribution.objects.running().order_by("planned_at")),
        next=upcoming,
        content=checked.content,
        approval=_approval(checked.content),
        findings=checked.findings,
        plan=checked.plan,
        ladder=ladder.rungs_of(upcoming)[1:] if upcoming else [],
        unapproved=_unapproved(upcoming),
        people=_people(now, checked.plan),
        days=day_results(now),
        alerts=shown_part.of(alerts, ALERTS_SHOWN),
    )


def _approval(content: Content | None) -> Approval | None:
    if content is None:
        return None
    approvals = content.approvals.filter(decision=Decision.APPROVED).select_related("by")
    return approvals.order_by("-at", "-pk").first()


def _unapproved(upcoming: Distribution | None) -> list[Content]:
    if upcoming is None or upcoming.content_id:
        return []
    waiting = Content.objects.filter(state=ContentState.SUBMITTED, day=upcoming.local_date)
    return list(waiting.order_by("pk"))


def _people(now: datetime, plan: CapacityPlan | None) -> People:
    """The plan has counted the active ones already."""
    today = india_time.local_datetime(india_time.local_date(now), time.min)
    opted_out = ConsentEvent.objects.filter(kind=ConsentEvent.Kind.OPT_OUT, at__gte=today)
    return People(
        active=plan.people if plan else audience.total(),
        joined=Subscriber.objects.filter(created_at__gte=today).count(),
        left=opted_out.values("subscriber").distinct().count(),
    )


def held_back(now: datetime) -> Distribution | None:
    """The earliest distribution that is due and not opened: a preflight finding blocks it."""
    due = Distribution.objects.filter(state__in=UNOPENED, planned_at__lte=now)
    return due.order_by("planned_at").first()


def day_results(now: datetime) -> list[DayResult]:
    """The last seven days, today last; a day without a distribution gets a result, too."""
    today = india_time.local_date(now)
    first = today - timedelta(days=DAYS_SHOWN - 1)
    rows = Distribution.objects.filter(local_date__range=(first, today), planned_at__lte=now)
    by_day: dict[date, list[Distribution]] = {}
    for row in rows.order_by("planned_at"):
        by_day.setdefault(row.local_date, []).append(row)
    blackouts = BlackoutDate.objects.filter(day__range=(first, today))
    reasons = dict(blackouts.values_list("day", "reason"))
    failed = _failed([row for rows_of_day in by_day.values() for row in rows_of_day])
    days = [first + timedelta(days=offset) for offset in range(DAYS_SHOWN)]
    results = [_day_result(day, by_day.get(day, []), reasons, failed) for day in days]
    if results[-1].distribution is None and schedule.daily_time(today) > now:
        results[-1] = replace(results[-1], word=_("Not yet"))
    return results


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
    day: date, rows: list[Distribution], blackouts: dict[date, str], failed: dict[int, int]
) -> DayResult:
    daily = next((row for row in rows if row.kind == Kind.DAILY), None)
    others = [_result(row, failed) for row in rows if row is not daily]
    if daily is not None:
        return replace(_result(daily, failed), others=others)
    word = _("No daily distribution")
    if day in blackouts:
        word = _("Blackout date: %s") % blackouts[day]
    return DayResult(day, None, word, QUIET, others=others)


def _result(row: Distribution, failed: dict[int, int]) -> DayResult:
    shares = sla.stored_shares(row)
    colour = _colour(row, shares.headline)
    word = row.get_state_display()
    return DayResult(row.local_date, row, word, colour, shares, failed.get(row.pk, 0))


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
