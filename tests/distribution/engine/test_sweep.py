from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from distribution.engine import sweep
from distribution.engine.sweep import OVERDUE, STALLED
from distribution.ledger import deliveries
from distribution.models import Delivery, Distribution, DistributionState, State
from phonepool.models import PhoneNumber
from tests.builders import LEASE, an_open_distribution

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


# --- overdue batches --------------------------------------------------------------------------


@pytest.fixture
def distribution(db) -> Distribution:
    return an_open_distribution(120, now=NOW)


def batches(distribution: Distribution, after: float) -> list[int]:
    return sweep.overdue_batches(distribution, now=NOW + seconds(after))


def first_of(batch_no: int) -> Delivery:
    return Delivery.objects.filter(batch_no=batch_no).order_by("pk").first()


def moved(after: float) -> None:
    """Somebody's message was in flight so many seconds after the start."""
    Delivery.objects.filter(pk=first_of(0).pk).update(
        state=State.ACCEPTED, accepted_at=NOW, inflight_at=NOW + seconds(after)
    )


def test_first_sends_belong_to_the_chord_while_anything_moves(distribution):
    assert batches(distribution, STALLED.total_seconds() - 1) == []
    assert batches(distribution, STALLED.total_seconds()) == [0, 1, 2]

    moved(8)
    assert batches(distribution, STALLED.total_seconds()) == []
    assert batches(distribution, 18) == [0, 1, 2]


@pytest.mark.parametrize(
    "fields",
    [{"state": State.RETRY_WAIT, "attempt_no": 1}, {"claim_token": 5}, {"attempt_no": 1}],
    ids=["a retry", "a freed claim", "a freed retry"],
)
def test_what_was_tried_before_counts_as_soon_as_it_is_overdue(distribution, fields):
    due = NOW + seconds(20)
    Delivery.objects.filter(pk=first_of(1).pk).update(next_at=due, **fields)
    moved(20)

    overdue = 20 + OVERDUE.total_seconds()
    assert batches(distribution, overdue - 0.001) == []
    assert batches(distribution, overdue) == [1]


def test_nobody_is_nudged_for_what_is_settled_or_not_due(distribution):
    Delivery.objects.filter(batch_no=0).update(state=State.FAILED, reason="undeliverable")
    Delivery.objects.filter(batch_no=1).update(next_at=NOW + seconds(3600))

    assert batches(distribution, 60) == [2]


def test_a_tick_nudges_no_more_than_it_can(distribution, monkeypatch):
    monkeypatch.setattr(sweep, "BATCHES_LIMIT", 2)

    assert batches(distribution, 60) == [0, 1]


# --- the sweep --------------------------------------------------------------------------------


def take(distribution: Distribution, batch_no: int, *, marked: bool = False) -> None:
    claim = deliveries.claim(distribution.pk, batch_no, limit=50, now=NOW, lease=LEASE)
    if marked:
        number_id = PhoneNumber.objects.first().pk
        deliveries.mark_inflight(claim, claim.deliveries, number_id=number_id, now=NOW, lease=LEASE)


def test_dead_workers_rows_are_freed_or_doubted_and_nudged(distribution):
    take(distribution, 0)
    take(distribution, 1, marked=True)

    assert sweep.sweep(NOW + LEASE).freed == 0
    swept = sweep.sweep(NOW + LEASE + seconds(0.001))

    assert (swept.freed, swept.unknown, swept.resent, swept.unconfirmed) == (50, 50, 0, 0)
    assert swept.overdue == [(distribution.pk, 0), (distribution.pk, 2)]
    assert Delivery.objects.count_by_state() == {State.PENDING: 70, State.UNKNOWN: 50}
    again = sweep.sweep(NOW + LEASE + seconds(0.001))
    assert (again.freed, again.unknown) == (0, 0)


def test_a_freed_claim_counts_no_attempt(distribution):
    take(distribution, 0)
    sweep.sweep(NOW + LEASE * 2)

    row = first_of(0)
    assert (row.attempt_no, row.tries_charged, row.lease_until) == (0, 0, None)


@pytest.mark.parametrize("where", [DistributionState.PAUSED, DistributionState.COMPLETED])
def test_nobody_is_nudged_for_what_is_not_sending(distribution, where):
    Distribution.objects.update(state=where)

    assert sweep.sweep(NOW + seconds(60)).overdue == []


def test_a_paused_ones_dead_workers_are_cleared_up_too(distribution):
    take(distribution, 0, marked=True)
    Distribution.objects.update(state=DistributionState.PAUSED)

    assert sweep.sweep(NOW + LEASE * 2).unknown == 50


def test_a_resend_that_slipped_into_a_completed_one_does_not_wait_for_ever(distribution):
    Delivery.objects.update(state=State.ACCEPTED, accepted_at=NOW)
    Delivery.objects.filter(pk=first_of(0).pk).update(state=State.RETRY_WAIT, reason="send_failed")
    Distribution.objects.update(state=DistributionState.COMPLETED)

    sweep.sweep(NOW + seconds(60))

    assert Delivery.objects.count_by_state() == {State.ACCEPTED: 119, State.SKIPPED: 1}


def test_unknown_outcomes_end_with_the_window(distribution):
    take(distribution, 0, marked=True)
    sweep.sweep(NOW + LEASE * 2)
    end = NOW + seconds(settings.SENDING_WINDOW_SECONDS)

    assert sweep.sweep(end - seconds(1)).unconfirmed == 0
    assert sweep.sweep(end).unconfirmed == 50
    assert set(Delivery.objects.filter(batch_no=0).values_list("state", "reason")) == {
        (State.UNCONFIRMED, "never_answered")
    }
