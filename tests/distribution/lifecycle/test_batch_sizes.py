from __future__ import annotations

import pytest

from distribution.lifecycle import audience, batch_sizes
from distribution.models import Delivery
from phonepool.models import NumberState, PhoneNumber, Quality
from tests.builders import a_number, a_planned_distribution, some_subscribers
from tests.distribution.controls import NOW


@pytest.mark.parametrize(
    ("rate", "micro", "batch"),
    [
        (0, 25, 50),
        (20, 25, 50),
        (80, 25, 50),  # what one crash leaves in doubt at this rate stays what it was
        (250, 25, 50),
        (400, 40, 80),
        (1000, 100, 200),
        (5000, 100, 200),
    ],
)
def test_a_tenth_of_a_second_of_the_rate(rate, micro, batch):
    assert batch_sizes.micro_batch(rate, most=100) == micro
    assert batch_sizes.batch(rate, most=200) == batch


def test_the_settings_are_upper_bounds():
    assert batch_sizes.micro_batch(1000, most=10) == 10
    assert batch_sizes.batch(80, most=5) == 5
    assert batch_sizes.batch(1000, most=150) == 150


@pytest.mark.django_db
def test_a_distribution_is_divided_by_the_slowest_of_the_numbers_that_may_send():
    numbers = [a_number(rate_per_second=1000) for _ in range(2)]
    a_number(rate_per_second=80, state=NumberState.DISABLED)
    some_subscribers(201)

    def sizes() -> list[int]:
        Delivery.objects.all().delete()
        frozen = audience.freeze(a_planned_distribution(NOW), now=NOW)
        assert frozen.recipients == 201
        return [Delivery.objects.filter(batch_no=no).count() for no in range(frozen.batches)]

    assert sizes() == [200, 1]
    PhoneNumber.objects.filter(pk=numbers[0].pk).update(rate_per_second=400)
    assert sizes() == [80, 80, 41]
    PhoneNumber.objects.filter(pk=numbers[1].pk).update(quality=Quality.LOW)
    assert sizes() == [50, 50, 50, 50, 1]
