"""The alert of the service level, opened and closed by each measurement."""

from __future__ import annotations

import pytest

from distribution.metrics import live
from distribution.metrics.keeping import FigureKeeping
from distribution.models import Alert, Delivery, Distribution, State
from distribution.service_level import watch
from phonepool.models import Breaker, NumberState, PhoneNumber
from tests.builders import an_open_distribution
from tests.distribution.service_level.measured import NOW, WINDOW, seconds, sent


@pytest.fixture(autouse=True)
def delivered_basis(settings):
    settings.SLA_BASIS = "delivered"


@pytest.fixture
def distribution(db) -> Distribution:
    return an_open_distribution(100, now=NOW)


def test_refreshing_keeps_the_figures_and_opens_and_closes_the_alert(distribution):
    PhoneNumber.objects.update(rate_per_second=1)
    sent(0, 50, at=1, delivered=2)

    late = NOW + seconds(WINDOW - 40)  # 40 of the remaining 50 can still go: 90 %
    watch.refresh(distribution, now=late)

    distribution.refresh_from_db()
    assert (distribution.sla_accepted, distribution.sla_delivered) == (0.5, 0.5)
    alert = Alert.objects.get(rule="sla_at_risk")
    assert alert.message.startswith(
        "Manual distribution of 23 Nov 2026, 06:00 IST: at best 90.0% delivered within 5 minutes."
    )

    PhoneNumber.objects.update(rate_per_second=80)  # that it could is not enough
    watch.refresh(distribution, now=late + seconds(5))
    alert.refresh_from_db()
    assert alert.closed_at is None
    assert "no message was accepted for at least 8 seconds" in alert.message

    for second in range(20):
        place = 50 + 2 * second
        sent(place, place + 2, at=WINDOW - 40 + second)
    watch.refresh(distribution, now=late + seconds(20))
    alert.refresh_from_db()
    assert alert.closed_at == late + seconds(20)


def test_who_waits_for_a_later_time_is_no_stall(distribution):
    sent(0, 90, at=5)
    sent(90, 100, at=5, state=State.RETRY_WAIT, accepted_at=None)
    Delivery.objects.filter(state=State.RETRY_WAIT).update(next_at=NOW + seconds(90))

    watch.refresh(distribution, now=NOW + seconds(60))
    assert not Alert.objects.filter(rule="sla_at_risk").exists()

    watch.refresh(distribution, now=NOW + seconds(100))
    assert "no message was accepted" in Alert.objects.get(rule="sla_at_risk").message


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ({"state": NumberState.DISABLED}, "1 of 1 phone number can’t send"),
        ({"breaker": Breaker.OPEN}, "no message was accepted for at least 8 seconds"),
        ({"breaker": Breaker.HALF_OPEN}, "no message was accepted for at least 8 seconds"),
    ],
)
def test_without_a_number_being_put_off_again_ends_no_alert(distribution, numbers, told):
    """Nobody is due for some seconds each time: the alert closed and opened with these, and
    Prometheus, which asks how many wait and how long, was never told."""
    sent(0, 20, at=5)
    PhoneNumber.objects.update(**numbers)
    for second in (60, 63, 66):
        now = NOW + seconds(second)
        Delivery.objects.filter(accepted_at=None).update(next_at=now + seconds(2))
        watch.refresh(distribution, now=now)

        alert = Alert.objects.get(rule="sla_at_risk")
        assert alert.closed_at is None
        assert told in alert.message
    FigureKeeping(lambda: now).write_due()
    assert {tuple(kind): people for kind, people in live.read()["daybreak_due_waiting_people"]} == {
        ("manual",): 80,
    }


def test_one_that_comes_back_for_another_try_is_no_stall_unless_nobody_sends_it(distribution):
    sent(0, 98, at=5)
    sent(98, 99, at=60, state=State.RETRY_WAIT, accepted_at=None)
    sent(99, 100, at=60, state=State.PENDING, accepted_at=None)
    Delivery.objects.exclude(state=State.ACCEPTED).update(next_at=NOW + seconds(60))

    watch.refresh(distribution, now=NOW + seconds(63))
    assert not Alert.objects.filter(rule="sla_at_risk").exists()

    rest = Delivery.objects.exclude(state=State.ACCEPTED)
    rest.update(state=State.INFLIGHT, claim_token=1, lease_until=NOW + seconds(90), attempt_no=1)
    watch.refresh(distribution, now=NOW + seconds(67))
    assert not Alert.objects.filter(rule="sla_at_risk").exists()

    watch.refresh(distribution, now=NOW + seconds(71))
    assert "no message was accepted" in Alert.objects.get(rule="sla_at_risk").message


def test_one_very_slow_answer_delays_no_alert_and_slow_answers_do(distribution):
    for second in range(1, 10):
        sent(second, second + 1, at=second, inflight_at=NOW + seconds(second - 0.3))
    Delivery.objects.filter(accepted_at=NOW + seconds(5)).update(inflight_at=NOW - seconds(20))
    Delivery.objects.filter(state=State.PENDING).update(next_at=NOW)

    watch.refresh(distribution, now=NOW + seconds(18.5))
    assert "no message was accepted" in Alert.objects.get(rule="sla_at_risk").message

    Delivery.objects.exclude(accepted_at=None).update(inflight_at=NOW - seconds(4))
    watch.refresh(distribution, now=NOW + seconds(18.7))
    assert Alert.objects.get(rule="sla_at_risk").closed_at == NOW + seconds(18.7)


def test_a_pause_is_no_stall(distribution):
    Distribution.objects.filter(pk=distribution.pk).update(state="PAUSED")
    distribution.refresh_from_db()

    watch.refresh(distribution, now=NOW + seconds(60))

    assert not Alert.objects.filter(rule="sla_at_risk").exists()


@pytest.mark.parametrize(("failed", "told"), [(3, False), (4, True)])
def test_the_alert_opens_below_its_threshold(distribution, failed, told):
    sent(0, 100, at=1, delivered=2)
    sent(0, failed, at=1, state=State.FAILED, reason="undeliverable")

    watch.refresh(distribution, now=NOW + seconds(10))

    assert Alert.objects.filter(rule="sla_at_risk").exists() is told
