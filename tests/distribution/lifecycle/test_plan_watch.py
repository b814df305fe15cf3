"""The coming plan with its cost, and the alert when it falls short overnight."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from distribution.cost import rates
from distribution.cost.estimate import Estimate
from distribution.engine import tick
from distribution.lifecycle import capacity_facts, capacity_plan, content_choice, portfolio_plan
from distribution.lifecycle.capacity_plan import NumberFacts, PlanFacts, PortfolioFacts
from distribution.mirror import limits
from distribution.models import Alert, Rate
from phonepool.models import PhoneNumber, Portfolio
from phonepool.numbers.limits import Limit
from tests.builders import (
    a_number,
    a_planned_distribution,
    a_portfolio,
    a_template,
    an_approved_content,
    some_subscribers,
)

DAY = date(2026, 11, 24)
DEADLINE = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)  # 20:00 in India
OPENING = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("costs", "limit", "words"),
    [
        ([("INR", "230", 0)], None, "Costs about ₹230."),
        ([("INR", "230", 0), ("USD", "2.4", 0)], None, "Costs about ₹230 or $2.40."),
        ([("INR", "230", 0)], 1_000, "Costs about ₹115."),  # only half of them are reached
        ([("INR", "1725.6", 50)], None, "Costs at least ₹1,726: 50 people have no rate."),
        ([("EUR", "0", 2_000)], None, "Its cost is not known: there is no rate."),
        ([], None, "42 s without two."),
    ],
)
def test_the_sentence_ends_with_the_cost_of_those_who_are_reached(costs, limit, words):
    numbers = [NumberFacts(label, 1, 50, 10**6) for label in ("one", "two")]
    facts = PlanFacts({"BASIC": 2_000}, numbers[::-1], {1: PortfolioFacts("Daybreak", limit)}, 300)
    estimates = [
        Estimate("utility", currency, 2_000, missing, Decimal(amount))
        for currency, amount, missing in costs
    ]
    made = capacity_plan.make(
        PlanFacts(facts.tiers, facts.numbers, facts.portfolios, 300, costs=estimates)
    )

    assert made.sentence.endswith(words)


@pytest.fixture
def morning(db, settings) -> None:
    """2,000 people, two numbers, an approved content of a priced category."""
    settings.CONTENT_DEADLINE = time(20)
    rates.load_shipped()
    a_number(), a_number()
    some_subscribers(2_000)
    an_approved_content(day=DAY, message_template=a_template(category="UTILITY"))


def test_the_plan_of_a_day_names_its_cost_and_the_opening_asks_no_price(morning):
    planned = a_planned_distribution(OPENING, local_date=DAY, kind="DAILY")
    content = content_choice.choose(planned).sent

    priced = capacity_facts.plan_for(planned, content, now=DEADLINE)
    assert priced.sentence.endswith("Costs about ₹230.")
    bare = capacity_facts.plan_for(planned, content, now=DEADLINE, priced=False)
    assert (bare.costs, bare.outcome) == ((), priced.outcome)
    Rate.objects.all().delete()
    unpriced = capacity_facts.plan_for(planned, content, now=DEADLINE)
    assert unpriced.sentence.endswith("there is no rate.")


def open_alerts() -> list[Alert]:
    return list(Alert.objects.filter(rule="plan_short", closed_at=None))


def test_a_limit_lowered_between_plan_and_opening_alerts_and_a_raised_one_ends_it(morning):
    tick.check(DEADLINE)
    assert open_alerts() == []

    portfolio = a_portfolio()
    limits.apply_reading(portfolio, Limit(1_500), now=DEADLINE + timedelta(hours=3))
    tick.check(DEADLINE + timedelta(hours=3))

    (alert,) = open_alerts()
    assert (alert.severity, alert.scope) == ("CRITICAL", "day 2026-11-24")
    assert alert.message.startswith("Plan for 24 Nov 2026: Reaches 1,500 of 2,000 people.")
    Portfolio.objects.update(recipient_limit=None)
    tick.check(DEADLINE + timedelta(hours=3, minutes=4))
    assert open_alerts() == [alert]  # not looked at yet
    tick.check(DEADLINE + timedelta(hours=3, minutes=5))
    assert open_alerts() == []


def test_slow_numbers_are_a_warning_and_nothing_is_told_before_the_deadline(morning):
    PhoneNumber.objects.update(rate_per_second=3)
    tick.check(DEADLINE - timedelta(minutes=6))
    assert open_alerts() == []

    tick.check(DEADLINE)

    (alert,) = open_alerts()
    assert alert.severity == "WARNING"
    assert "Late by" in alert.message


def test_portfolios_and_plan_reckon_with_what_a_ramp_leaves(db):
    one, two = (Portfolio.objects.create(business_id=name, name=name) for name in ("one", "two"))
    a_number(portfolio=one), a_number(portfolio=two, ramp=25, ramp_cause="QUALITY")

    assert portfolio_plan.look(None, now=OPENING).speeds == {one.pk: 80, two.pk: 20}
    facts = capacity_facts.read(OPENING, None)
    assert [number.speed for number in facts.numbers] == [
        pytest.approx(speed * 0.985) for speed in (80, 20)
    ]
