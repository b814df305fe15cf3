"""The machine's clock was set back by an hour: nobody waits for that hour to pass again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from distribution.engine import clock_repair
from distribution.ledger import deliveries
from distribution.models import Alert, Delivery, Heartbeat, State, StatusFeed
from distribution.outcomes import reconcile
from phonepool.models import Breaker, NumberState, PhoneNumber
from phonepool.numbers import pool
from tests.builders import LEASE, a_number, an_open_distribution

pytestmark = pytest.mark.django_db
TRUE = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
WRONG = TRUE + timedelta(hours=1)  # what the clock showed until it was set back


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def set_back() -> None:
    """A heartbeat of the wrong hour, and one now."""
    clock_repair.record_heartbeat("tick", WRONG)
    clock_repair.record_heartbeat("tick", TRUE)


def test_what_waits_is_due_at_once():
    opened = an_open_distribution(3, now=WRONG)
    assert deliveries.claim(opened.pk, 0, limit=50, now=TRUE, lease=LEASE).deliveries == []

    set_back()

    assert len(deliveries.claim(opened.pk, 0, limit=50, now=TRUE, lease=LEASE).deliveries) == 3


def test_a_dead_workers_leases_end_as_if_nothing_had_happened():
    opened = an_open_distribution(2, now=WRONG)
    claim = deliveries.claim(opened.pk, 0, limit=1, now=WRONG, lease=LEASE)
    flying = deliveries.claim(opened.pk, 0, limit=1, now=WRONG, lease=LEASE)
    number_id = PhoneNumber.objects.first().pk
    deliveries.mark_inflight(flying, flying.deliveries, number_id=number_id, now=WRONG, lease=LEASE)
    set_back()

    assert deliveries.expire_leases(TRUE + seconds(59)) == (0, 0)
    assert deliveries.expire_leases(TRUE + seconds(61)) == (1, 1)
    assert claim.deliveries[0].pk != flying.deliveries[0].pk


def test_the_numbers_give_slots_again():
    moment = WRONG.timestamp()
    number = a_number(next_slot=moment, cut_rate=40.0, cut_at=moment)
    resting = a_number(state=NumberState.RESTING, rest_until=WRONG)
    broken = a_number(breaker=Breaker.OPEN, breaker_at=moment, breaker_until=moment)
    assert pool.reserve(10, now=TRUE) is None

    set_back()

    for row in (number, resting, broken):
        row.refresh_from_db()
    assert (number.next_slot, number.cut_at) == (TRUE.timestamp(), TRUE.timestamp())
    assert resting.rest_until == TRUE
    assert (broken.breaker_at, broken.breaker_until) == (TRUE.timestamp(), TRUE.timestamp())
    assert pool.reserve(10, now=TRUE) is not None


def test_a_doubt_waits_its_whole_window_from_now_on():
    opened = an_open_distribution(1, now=WRONG)
    claim = deliveries.claim(opened.pk, 0, limit=1, now=WRONG, lease=LEASE)
    number_id = PhoneNumber.objects.first().pk
    deliveries.mark_inflight(claim, claim.deliveries, number_id=number_id, now=WRONG, lease=LEASE)
    deliveries.expire_leases(WRONG + seconds(61))
    StatusFeed.applied(WRONG + seconds(61))

    set_back()

    row = Delivery.objects.get()
    assert (row.state, row.unknown_at) == (State.UNKNOWN, TRUE)
    assert StatusFeed.current().applied_through is None  # until the next drain
    assert reconcile.resolve_unknown(opened, now=TRUE + seconds(30)) == (0, 0)


def test_it_is_told_once():
    an_open_distribution(3, now=WRONG)
    set_back()
    clock_repair.record_heartbeat("tick", TRUE + seconds(15))

    alert = Alert.objects.get(rule="clock_set_back")
    assert "set back by 3600 s" in alert.message
    assert (alert.opened_at, alert.closed_at, alert.notified_at) == (TRUE, TRUE, None)
    assert Heartbeat.objects.get().at == TRUE + seconds(15)


def test_clocks_that_differ_by_less_than_a_minute_mend_nothing():
    opened = an_open_distribution(3, now=TRUE)
    before = list(Delivery.objects.order_by("pk").values())
    clock_repair.record_heartbeat("tick", TRUE + seconds(59))
    clock_repair.record_heartbeat("tick", TRUE)

    assert not Alert.objects.filter(rule="clock_set_back").exists()
    assert clock_repair.repair(TRUE - seconds(59)) == 0
    assert list(Delivery.objects.filter(distribution=opened).order_by("pk").values()) == before
