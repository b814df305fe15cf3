"""Reads what a capacity plan is made of, and makes the plan of a distribution."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Sum

from distribution.content import eligible_numbers, outlook
from distribution.cost import audience
from distribution.lifecycle import capacity_plan, portfolio_plan
from distribution.lifecycle.capacity_plan import (
    CapacityPlan,
    NumberFacts,
    PlanFacts,
    PortfolioFacts,
)
from distribution.models import Content, Distribution
from phonepool.models import NumberState, PhoneNumber, Role
from phonepool.numbers import health, utilisation
from subscribers.models import TIER_ORDER, Subscriber


def plan_for(
    distribution: Distribution, content: Content | None, *, now: datetime, priced: bool = True
) -> CapacityPlan:
    """The plan of a distribution that opens at its planned time, as the pool is now; with its cost
    if it is to be `priced`."""
    day = distribution.local_date
    allowed = eligible_numbers.for_content(content, day).allowed if content else None
    facts = read(max(distribution.planned_at, now), allowed)
    if priced and content and facts.people:
        category = content.message_template.category
        costs = outlook.estimates_of(category, audience.people(), on=day)
        facts = replace(facts, costs=costs)
    return capacity_plan.make(facts)


def read(at: datetime, allowed: Collection[int] | None) -> PlanFacts:
    """The facts for an opening `at`; only the `allowed` numbers send (None: any)."""
    rows = PhoneNumber.objects.in_service().select_related("portfolio").order_by("label")
    numbers = [row for row in rows if allowed is None or row.pk in allowed]
    tiers = _tiers()
    parts = health.reduced(numbers, at)
    return PlanFacts(
        tiers=tiers,
        numbers=[_number(row, parts, at) for row in numbers if health.ceiling(row)],
        portfolios=_portfolios(numbers, sum(tiers.values()), at),
        window_seconds=settings.SLA_WINDOW_SECONDS,
        primaries_lost=health.lost_primaries(),
        backups_awake=sum(
            row.role == Role.BACKUP and row.state == NumberState.ACTIVE for row in numbers
        ),
    )


def _tiers() -> dict[str, int]:
    rows = Subscriber.objects.eligible().order_by().values_list("tier")
    counts = dict(rows.annotate(Count("pk")))
    return {tier: counts[tier] for tier in TIER_ORDER if tier in counts}


def _number(number: PhoneNumber, parts: Mapping[int, float], at: datetime) -> NumberFacts:
    return NumberFacts(
        number.label,
        number.portfolio_id,
        utilisation.slots_per_second(health.speed_of(number, parts)),
        max(0, health.daily_ceiling(number) - health.sent_today(number, at)),
        on_standby=number.state == NumberState.STANDBY,
    )


def _portfolios(
    numbers: Collection[PhoneNumber], people: int, at: datetime
) -> dict[int, PortfolioFacts]:
    """With whom counts already, where that can matter: counting takes as long as a morning's
    deliveries are many."""
    portfolios = {number.portfolio_id: number.portfolio for number in numbers}
    limits = [one.recipient_limit for one in portfolios.values() if one.recipient_limit is not None]
    lately = Distribution.objects.filter(window_end__gt=at - portfolio_plan.PORTFOLIO_WINDOW)
    tight = limits and min(limits) < people + (
        lately.aggregate(people=Sum("recipients"))["people"] or 0
    )
    told = portfolio_plan.messaged(at) if tight else {}
    several = len(portfolios) > 1
    return {
        pk: PortfolioFacts(
            str(one),
            one.recipient_limit,
            _used(told.get(pk, portfolio_plan.NOBODY), several=several),
        )
        for pk, one in portfolios.items()
    }


def _used(told: portfolio_plan.Messaged, *, several: bool) -> int:
    """One portfolio writes to its people again; of several, another may get them."""
    return told.counted if several else told.others
