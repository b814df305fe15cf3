"""Processes die along a delivery's way: between each two steps, and in the middle of all."""

from __future__ import annotations

import signal

import pytest
from django.conf import settings
from django.utils import timezone

from distribution.alert_channels import leases
from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert, AlertChannel, Delivery, Distribution, Notification, State
from tests.faults.checker import assert_kept
from tests.faults.stack import SENDERS
from tests.load.watch_sink import SECRET, AlertSink

PEOPLE = 150


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sink():
    sink = AlertSink()
    with sink.listening():
        yield sink


@pytest.fixture(scope="module")
def house(build, sink):
    env = {"WEBHOOK_ALERT_URL": sink.url, "WEBHOOK_ALERT_SECRET": SECRET}
    env |= {"EVENT_PRIVATE_NETWORKS": "127.0.0.0/8"}
    # The test raises alerts, too, and reads the channel's secret.
    return build(PEOPLE, env={**env, "SECRET_KEY": settings.SECRET_KEY})


@pytest.mark.parametrize(
    ("place", "order"),
    [
        pytest.param("freeze", "kill", id="F01 while the audience is frozen"),
        pytest.param("freeze_slice", "kill", id="F01 while its second slice is frozen"),
        pytest.param("slice_frozen", "kill", id="F01 before that slice is published"),
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


def test_whoever_tells_of_alerts_dies_in_the_middle_and_each_is_told(house, sink, monkeypatch):
    """The notice in hand comes again under its key, once the lease is over; no other does."""
    monkeypatch.setattr(settings, "WEBHOOK_ALERT_URL", sink.url)
    house.stack.heal()
    rule, distributions = AlertRule.NO_TOKEN, range(901, 906)
    sink.hold(rule)
    for about in distributions:
        incidents.raise_alert(rule, about, message="x", now=timezone.now())
    house.stack.wait(lambda: bool(sink.of(rule)), "one is being told")

    house.stack.kill("keeper", "worker-distribution-analytics")
    until = AlertChannel.objects.values_list("busy_until", flat=True).get()
    assert 0 < (until - timezone.now()).total_seconds() <= leases.SECONDS
    AlertChannel.objects.update(busy_until=None)  # as if that time were over
    sink.release()
    house.stack.wait(lambda: len({one.scope for one in sink.of(rule)}) == 5, "all are told")
    rows = Notification.objects.filter(alert__rule=rule)
    house.stack.wait(lambda: not rows.exclude(state="SENT").exists(), "all are recorded")
    incidents.close_all(Alert.objects.filter(rule=rule), now=timezone.now())

    told = [one.scope for one in sink.of(rule) if one.kind == "opened"]
    assert sorted(told) == sorted([told[0], *map(rule.scope, distributions)])
    assert len({one.once for one in sink.of(rule) if one.kind == "opened"}) == 5
