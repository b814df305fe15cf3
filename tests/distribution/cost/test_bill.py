"""What we charge over thirty days is what the sandbox bills, but for what told no price."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum

from distribution.analytics import rollups
from distribution.cost import figures
from distribution.cost.amounts import AmountSum
from distribution.models import Charged, Cost
from sandbox.world.bill import Price
from tests import builders
from tests.builders import a_number, a_portfolio, a_waba, some_subscribers
from tests.distribution.cost_days import SIX, a_morning, a_world, end, statuses_of
from tests.webhooks.posts import apply

pytestmark = pytest.mark.django_db
DAYS, RECATEGORISED = 30, 20
UTILITY, MARKETING = Decimal("0.115"), Decimal("0.8631")


def test_charges_of_thirty_days_equal_the_bill_except_for_unpriced_messages():
    """Two accounts of one portfolio; from the 20th day on Meta has the template as marketing."""
    first = SIX - timedelta(days=DAYS - 1)
    wabas = [a_waba(currency="INR", time_zone="Asia/Kolkata") for _ in range(2)]
    numbers = [a_number(waba=waba, portfolio=a_portfolio()) for waba in wabas]
    people = some_subscribers(12)
    world = a_world(first, numbers=numbers, unpriced_share=0.05, webhook_version="v25.0")
    for day in range(DAYS):
        at = first + timedelta(days=day)
        distribution = a_morning(people, numbers, at=at)
        category = "UTILITY" if day < RECATEGORISED else "MARKETING"
        bodies, last = statuses_of(world, distribution, category=category, at=at)
        apply(*bodies, now=max(last, at) + timedelta(seconds=1))
        apply(*bodies[:1], now=max(last, at) + timedelta(hours=1))  # a repetition
        end(distribution, at)
        rollups.recount(distribution, now=at)

    lines = world.bill.lines(world.wabas, (SIX + timedelta(days=3)).timestamp())
    unpriced = Counter[str]()
    for line in lines:
        unpriced[line.category] += line.unpriced
    assert unpriced["UTILITY"]
    assert unpriced["MARKETING"]
    billed = sum((line.cost for line in lines), Decimal(0))
    ours = Cost.objects.aggregate(amount=AmountSum("amount"))["amount"]
    not_charged = unpriced["UTILITY"] * UTILITY + unpriced["MARKETING"] * MARKETING

    assert billed - ours == not_charged
    counted = dict(Cost.objects.order_by().values_list("charged").annotate(Sum("count")))
    assert counted == {
        Charged.CHARGED: sum(line.volume - line.unpriced for line in lines),
        Charged.UNPRICED: unpriced.total(),
    }
    ours_by_line = {
        row[:4]: row[4]
        for row in Cost.objects.filter(charged=Charged.CHARGED)
        .order_by()
        .values_list("number__waba__meta_id", "charged_on", "number__meta_id", "category")
        .annotate(AmountSum("amount"))
    }
    for line in lines:
        price = UTILITY if line.category == "UTILITY" else MARKETING
        key = (line.waba, line.day, line.number, line.category.lower())
        assert ours_by_line.get(key, 0) == line.cost - line.unpriced * price


def test_the_bill_knows_steps_by_volume_and_the_days_of_the_account():
    numbers = [a_number(waba=a_waba())]
    world = a_world(SIX, numbers=numbers)
    waba = world.first_waba
    world.bill.prices["UTILITY"] += [Price(SIX.date(), 1, Decimal("0.2")),
                                     Price(SIX.date(), 3, Decimal("0.1"))]  # fmt: skip
    for minutes in (-60 * 24, 0, 1, 2, 3):
        at = (SIX + timedelta(minutes=minutes)).timestamp()
        world.bill.charge(waba, numbers[0].meta_id, "UTILITY", at, priced=True)

    lines = world.bill.lines(world.wabas, SIX.timestamp() + 150)

    assert [(str(line.day), line.volume, line.cost) for line in lines] == [
        ("2026-11-28", 1, Decimal("0.115")),
        ("2026-11-29", 3, Decimal("0.2") + 2 * Decimal("0.1")),
    ]


def test_a_sum_of_amounts_is_exact_on_every_database():
    """SQLite's own comes to 4.71500000000001."""
    distribution = builders.a_planned_distribution(SIX)
    day = SIX.date()
    Cost.objects.bulk_create(
        Cost(
            distribution=distribution,
            morning=day,
            charged_on=day,
            tier="PRO",
            category="UTILITY",
            charged=Charged.CHARGED,
            currency="INR",
            count=1,
            amount=UTILITY,
        )
        for _ in range(41)
    )

    assert figures.between(day, day).amounts == {"INR": 41 * UTILITY}
