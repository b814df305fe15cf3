"""The keeper sends in Celery's place what does not move."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from distribution.ledger import claims, deliveries
from distribution.ledger.attempts.settlements import Settlement
from distribution.models import Delivery, Distribution
from phonepool.models import NumberState, PhoneNumber
from tests.builders import LEASE
from tests.distribution.keepers import SIX, look, seconds

pytestmark = pytest.mark.django_db


def move(distribution: Distribution, batch: int, *, now: datetime) -> claims.Claim:
    """What a worker does: claim a batch and begin to send it."""
    claim = deliveries.claim(distribution.pk, batch, limit=50, now=now, lease=LEASE)
    number = PhoneNumber.objects.first()
    deliveries.mark_inflight(claim, claim.deliveries, number_id=number.pk, now=now, lease=LEASE)
    return claim


def test_while_something_moves_it_leaves_the_sending_to_celery(keeper, world, running):
    for batch in (0, 1):
        look(keeper, world, later=8)
        move(running, batch, now=world.now)
    look(keeper, world, later=9)

    assert world.sent == []


def test_when_nothing_moves_for_its_patience_it_sends_what_is_due(keeper, world, running):
    move(running, 0, now=SIX + seconds(3))
    look(keeper, world, later=12.9)
    assert world.sent == []

    look(keeper, world, later=0.2)

    assert sorted(world.sent) == [(running.pk, 1), (running.pk, 2)]


def test_once_it_took_over_it_sends_retries_as_soon_as_they_are_due(keeper, world, running):
    look(keeper, world, later=11)
    assert len(world.sent) == 3
    world.sent.clear()
    claim = move(running, 0, now=world.now)
    soon = world.now + seconds(5)
    retry = [
        Settlement(claim.attempt(row), "RETRY_WAIT", world.now, "later", next_at=soon)
        for row in claim.deliveries
    ]
    deliveries.settle(retry)
    Delivery.objects.exclude(batch_no=0).update(state="SKIPPED", reason="opted_out")
    look(keeper, world, later=4)
    assert world.sent == []

    look(keeper, world, later=2)

    assert world.sent == [(running.pk, 0)]


def test_it_hands_back_when_nothing_is_owed_any_more(keeper, world, running):
    look(keeper, world, later=11)
    Delivery.objects.update(state="SKIPPED", reason="opted_out")
    look(keeper, world, later=1)

    assert keeper._taken_over == set()


def test_a_paused_distribution_is_not_sent(keeper, world, running):
    Distribution.objects.update(state="PAUSED")
    look(keeper, world, later=60)

    assert world.sent == []


def test_without_a_usable_number_nobody_is_claimed_in_vain(keeper, world, running):
    PhoneNumber.objects.update(state=NumberState.DISABLED)
    look(keeper, world, later=60)

    assert world.sent == []


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_set_by_an_hour_does_not_hide_a_standstill(keeper, world, running, hours):
    """What was sent "in the future" was sent before the clock was set back."""
    move(running, 0, now=SIX)
    Delivery.objects.filter(batch_no=0).update(inflight_at=SIX - timedelta(hours=hours))
    look(keeper, world, later=11)

    assert sorted(batch for _, batch in world.sent) == [1, 2]


def test_when_the_workers_are_dead_their_leases_end_and_their_claims_are_sent(
    keeper, world, running
):
    for batch in range(3):
        deliveries.claim(running.pk, batch, limit=50, now=world.now, lease=LEASE)
    look(keeper, world, later=59)
    assert world.sent == []

    look(keeper, world, later=2)

    assert sorted(batch for _, batch in world.sent) == [0, 1, 2]
