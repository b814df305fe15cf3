"""Figures that change by the day: quality, cost, portfolios, what is left of the error budget."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q, Sum

from distribution.analytics import headroom
from distribution.cached import audience
from distribution.cost.amounts import AmountSum
from distribution.metrics.samples import Samples, add
from distribution.models import (
    Charged,
    Cost,
    DailySignals,
    Distribution,
    DistributionState,
    Duplicate,
    Kind,
    MessageTemplate,
    Outcome,
    Rollup,
)
from distribution.models.verdicts import Certainty
from distribution.quality import figures, rules
from distribution.runtime import india_time
from phonepool.models import PhoneNumber
from subscribers.models import Tier

BUDGET_DAYS = 28
TEMPLATES_LIMIT = 30
CATEGORIES_LIMIT = 10
RUPEES = "INR"


def read(now: datetime) -> Samples:
    """All of them; none is needed to the second."""
    samples: Samples = {}
    day = india_time.local_date(now)
    add(samples, "daybreak_sla_budget_remaining_ratio", _budget(day))
    _add_portfolios(samples, now, day)
    _add_templates(samples, day)
    _add_costs(samples)
    found = dict(Duplicate.objects.order_by().values_list("certainty").annotate(Count("pk")))
    for certainty in Certainty.values:
        add(samples, "daybreak_duplicates", found.get(certainty, 0), certainty.lower())
    people = audience.by_tier()
    for tier in Tier.values:
        add(samples, "daybreak_subscribers_people", people.get(tier, 0), tier.lower())
    return samples


def _budget(day: date) -> float:
    """1: nobody was late on 28 days; 0: as many as the target allows; below: more."""
    since = day - timedelta(days=BUDGET_DAYS)
    rows = Distribution.objects.filter(
        kind=Kind.DAILY, state=DistributionState.COMPLETED, local_date__gt=since
    )
    share = "sla_delivered" if settings.SLA_BASIS == "delivered" else "sla_accepted"
    owed_sum = late = 0.0
    for results, reached in rows.values_list("results", share):
        owed = results.get("owed") or 0
        owed_sum += owed
        late += owed * (1 - (reached or 0.0))
    allowed = (1 - settings.SLA_TARGET) * owed_sum
    return 1 - late / allowed if allowed else 1.0


def _add_portfolios(samples: Samples, now: datetime, day: date) -> None:
    year = Rollup.objects.filter(
        day__gt=day - timedelta(days=365), outcome=Outcome.ACCEPTED, number__isnull=False
    )
    sent = dict(year.order_by().values_list("number").annotate(Sum("count")))
    names = dict(PhoneNumber.objects.values_list("pk", "portfolio"))
    for one in headroom.headroom(now):
        label = str(one.portfolio)
        limit = one.limit if one.limit is not None else float("inf")
        add(samples, "daybreak_portfolio_recipient_limit_people", _finite(limit), label)
        add(samples, "daybreak_portfolio_recipients_24h_people", one.used, label)
        total = sum(n for number, n in sent.items() if names.get(number) == one.portfolio.pk)
        add(samples, "daybreak_portfolio_365d_messages", total, label)


def _finite(value: float) -> float | None:
    """JSON has no infinity: an unlimited portfolio exports no limit."""
    return None if value == float("inf") else value


def _add_templates(samples: Samples, day: date) -> None:
    since = day - timedelta(days=figures.DAYS_READ)
    sent = DailySignals.objects.filter(day__gt=since).values("template")
    rows = MessageTemplate.objects.filter(
        Q(pk__in=sent) | ~Q(group_role="") | Q(is_fallback=True)
    ).order_by("name", "language")[:TEMPLATES_LIMIT]
    templates = {one.pk: one for one in rows}
    days = figures.by_template(list(templates), until=day)
    for pk, template in templates.items():
        label = str(template)[:80]
        facts = (template.status, template.quality or "UNKNOWN", template.category)
        add(samples, "daybreak_template_info", 1, label, *(fact.lower() for fact in facts))
        if not days.get(pk):
            continue
        rate = rules.worst(days[pk])
        add(samples, "daybreak_template_stop_ratio", rate.share, label)
        add(samples, "daybreak_template_stop_lower_bound_ratio", rate.low, label)
        add(samples, "daybreak_template_read_ratio", figures.shown(days[pk]).read_share, label)


def _add_costs(samples: Samples) -> None:
    rows = Cost.objects.filter(currency=RUPEES, charged=Charged.CHARGED).order_by()
    sums = rows.values_list("category").annotate(AmountSum("amount"))[:CATEGORIES_LIMIT]
    for category, amount in sums:
        add(samples, "daybreak_cost_rupees_total", float(amount), category or "unknown")
    last = Cost.objects.order_by("-morning").values_list("morning", flat=True).first()
    if last is None:
        return
    morning = Cost.objects.filter(morning=last, currency=RUPEES).order_by()
    for category, amount, messages in morning.values_list("category").annotate(
        AmountSum("amount"), Sum("count")
    )[:CATEGORIES_LIMIT]:
        price = float(amount) / messages if messages else None
        add(samples, "daybreak_cost_per_message_rupees", price, category or "unknown")
