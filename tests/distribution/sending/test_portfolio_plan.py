"""Two portfolios with different limits share a day's people by what is left of their limits."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from distribution.models import Delivery, Distribution, State
from phonepool.models import PhoneNumber, Portfolio
from tests.builders import a_number, an_open_distribution
from tests.distribution.batches import due, send
from tests.fakes import FakeCloudApi

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_batches(settings):
    settings.BATCH_SIZE = 5


def two(small: int | None, large: int | None) -> tuple[PhoneNumber, PhoneNumber]:
    """The small portfolio's number is by far the faster one."""
    numbers = []
    for name, limit, rate in (("small", small, 1_000), ("large", large, 50)):
        portfolio = Portfolio.objects.create(business_id=name, name=name, recipient_limit=limit)
        numbers.append(a_number(portfolio=portfolio, rate_per_second=rate, label=name))
    return numbers[0], numbers[1]


def send_all(distribution: Distribution) -> Counter[str]:
    """Messages by the portfolio that they went through."""
    api = FakeCloudApi()
    for _ in range(3):
        for batch_no in range(distribution.batches):
            send(distribution, api, batch_no)
        due()
    labels = dict(PhoneNumber.objects.values_list("pk", "label"))
    rows = Delivery.objects.filter(distribution=distribution, state=State.ACCEPTED)
    return Counter(labels[number] for number in rows.values_list("number_id", flat=True))


def test_the_fast_one_with_a_small_limit_gets_no_more_than_that():
    two(10, 100)
    assert send_all(an_open_distribution(40)) == {"small": 10, "large": 30}


def test_what_a_portfolio_sent_in_the_last_24_hours_counts():
    small, _ = two(10, 100)
    earlier = an_open_distribution(5, now=timezone.now() - timedelta(hours=2), kind="MANUAL")
    Delivery.objects.filter(distribution=earlier).update(
        state=State.ACCEPTED, number=small, accepted_at=timezone.now() - timedelta(hours=2)
    )
    Distribution.objects.update(state="COMPLETED")
    assert send_all(an_open_distribution(35)) == {"small": 5, "large": 35}


def test_nothing_is_planned_while_each_has_room_for_everybody():
    two(100, None)
    distribution = an_open_distribution(40)
    assert distribution.portfolio_plan == {}
    assert sum(send_all(distribution).values()) == 40


def test_who_is_above_all_limits_is_left_out_and_nobody_else():
    two(11, 20)  # a part of a batch is no room: 10 + 20
    distribution = an_open_distribution(40)
    assert send_all(distribution) == {"small": 10, "large": 20}
    skipped = Delivery.objects.filter(state=State.SKIPPED)
    assert set(skipped.values_list("reason", flat=True)) == {"portfolio_limit"}
    assert skipped.count() == 10


def test_while_its_numbers_rest_only_one_with_room_for_everybody_stands_in():
    small, _ = two(10, 100)
    distribution = an_open_distribution(40)
    PhoneNumber.objects.filter(pk=small.pk).update(state="DISABLED")
    assert send_all(distribution) == {"large": 40}


def test_one_that_has_no_room_for_everybody_does_not_stand_in():
    _, large = two(10, 30)
    distribution = an_open_distribution(40)
    PhoneNumber.objects.filter(pk=large.pk).update(state="DISABLED")
    assert send_all(distribution) == {"small": 10}
    assert Delivery.objects.filter(state=State.PENDING).count() == 30
