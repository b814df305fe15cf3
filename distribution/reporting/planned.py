"""Capacity plans as screens and the API show them: of the next distribution, or of a content."""

from __future__ import annotations

from datetime import datetime

from distribution.lifecycle import capacity_facts, content_choice, schedule
from distribution.lifecycle.capacity_plan import CapacityPlan
from distribution.models import Content, Distribution, Kind
from distribution.reporting import today


def upcoming(now: datetime) -> tuple[Distribution, CapacityPlan] | None:
    """The distribution that is due next, or held back, with its plan; None: not in 30 days."""
    distribution = today.held_back(now) or schedule.next_due(now)
    if distribution is None:
        return None
    content = content_choice.choose(distribution).sent
    return distribution, capacity_facts.plan_for(distribution, content, now=now)


def of_content(content: Content, *, now: datetime) -> CapacityPlan | None:
    """The plan of a content's day, or, for a fallback, of the next one; None: the day is over."""
    if content.day is None:
        due = schedule.next_due(now)
        return capacity_facts.plan_for(due, content, now=now) if due else None
    at = schedule.daily_time(content.day)
    if at < now:
        return None
    daily = Distribution(kind=Kind.DAILY, local_date=content.day, planned_at=at)
    return capacity_facts.plan_for(daily, content, now=now)
