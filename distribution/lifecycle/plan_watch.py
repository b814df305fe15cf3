"""Looks at the capacity plan of what will be sent, from the content's deadline on until it opens.

So that a limit which Meta lowers overnight, or a number that is lost, alerts while there is time.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import date, datetime, timedelta

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.lifecycle import capacity_facts, content_choice, content_watch
from distribution.lifecycle.capacity_plan import CapacityPlan, PlanVerdict
from distribution.models import Heartbeat, Severity
from distribution.models.heartbeats import PLAN_WATCH

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=5)  # of several portfolios, the people of a day are counted


def look_if_due(now: datetime) -> None:
    """Look once in EVERY, in one of the processes that call it."""
    if Heartbeat.take_turn(PLAN_WATCH, EVERY, now):
        look(now)


def look(now: datetime) -> None:
    """One alert per day whose plan does not meet the service level; a failure is logged only."""
    try:
        _look(now)
    except Exception:
        log.exception("the capacity plan could not be checked")


def _look(now: datetime) -> None:
    short: dict[date, list[CapacityPlan]] = defaultdict(list)
    for distribution in content_watch.awaited(now):
        content = content_choice.choose(distribution).sent
        plan = capacity_facts.plan_for(distribution, content, now=now, priced=False)
        if plan.people and plan.outcome.verdict is not PlanVerdict.MEETS:
            short[distribution.local_date].append(plan)
    for day, plans in short.items():
        cannot = any(plan.outcome.verdict is PlanVerdict.CANNOT for plan in plans)
        sentences = " ".join(dict.fromkeys(plan.sentence for plan in plans))
        incidents.raise_alert(
            AlertRule.PLAN_SHORT,
            day.isoformat(),
            severity=Severity.CRITICAL if cannot else Severity.WARNING,
            message=f"Plan for {day:%d %b %Y}: {sentences}",
            now=now,
        )
    told = [AlertRule.PLAN_SHORT.scope(day.isoformat()) for day in short]
    over = incidents.open_alerts(AlertRule.PLAN_SHORT).exclude(scope__in=told)
    incidents.close_all(over, now=now)
