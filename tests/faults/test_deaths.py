"""Processes die along a delivery's way: between each two steps, and in the middle of all."""

from __future__ import annotations

import signal

import pytest
from django.utils import timezone

from distribution.models import Alert, Delivery, Distribution, State
from tests.faults.checker import assert_kept
from tests.faults.stack import SENDERS

PEOPLE = 150


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(build):
    return build(PEOPLE)


@pytest.mark.parametrize(
    ("place", "order"),
    [
        pytest.param("freeze", "kill", id="F01 while the audience is frozen"),
        pytest.param("after_claim", "kill", id="F02 after the claim"),
        pytest.param("after_mark", "kill@2", id="F03 after the mark"),
        pytest.param("after_write", "kill@5", id="F04 after the request left"),
        pytest.param("before_record", "kill", id="F05 before the answer is written down"),
        pytest.param("after_claim", "raise", id="F08 a task breaks"),
        pytest.param("after_claim", "sleep:9999", id="F11 a thread hangs for ever"),
        pytest.param("before_write", "sleep:6", id="F07 a call sleeps past its lease"),
        pytest.param("after_store", "kill", id="F61 after a webhook is stored"),
        pytest.param("apply", "kill", id="F62 while webhooks are applied"),
    ],
)
def test_a_process_that_dies_here_costs_nobody_the_message(house, place, order):
    morning = house.open(**{place: order})

    house.stack.wait(lambda: house.stack.struck(place), f"{place} is reached")
    morning.wait_ended()

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f07_senders_frozen_longer_than_their_lease_send_nothing_on_waking(house):
    morning = house.open()
    morning.wait_accepted(30)

    for name in SENDERS:
        house.stack.signal_tree(name, signal.SIGSTOP)
    house.stack.live_for(9)
    for name in SENDERS:
        house.stack.signal_tree(name, signal.SIGCONT)
    morning.wait_ended()

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f03_whoever_is_struck_in_the_second_call_too_is_left_to_a_person(house):
    morning = house.open(after_mark="kill@2")
    house.stack.wait(lambda: set(morning.tally()) == {"ACCEPTED", "UNKNOWN"}, "some are in doubt")
    house.stack.strike_at("after_mark", "kill")
    house.stack.wait(lambda: house.stack.struck("after_mark"), "they are sent again")

    twice = Delivery.objects.filter(
        distribution=morning.pk, state=State.UNKNOWN, ambiguous_no=1, attempt_no=2
    )
    house.stack.wait(twice.exists, "they are in doubt again")
    house.stack.wait(lambda: morning.unsettled() == twice.count(), "all others have an end")
    left = twice.count()
    Distribution.objects.filter(pk=morning.pk).update(window_end=timezone.now())
    morning.wait_ended()

    assert morning.tally() == {"ACCEPTED": PEOPLE - left, "UNCONFIRMED": left}
    told = Alert.objects.filter(rule="unconfirmed", closed_at=None)
    house.stack.wait(told.exists, "a person is told")
    assert_kept(house.stack, morning.pk, unexplained_ends=True)
