from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connections

from distribution.engine import sweep
from distribution.ledger import deliveries
from distribution.lifecycle import closing, control, opening
from distribution.lifecycle.control import ControlError
from distribution.models import Alert, Delivery, Distribution, DistributionState, Kind, State
from phonepool.models import NumberState, Role
from tests.builders import (
    LEASE,
    a_number,
    a_planned_distribution,
    an_approved_content,
    an_open_distribution,
)
from tests.distribution.controls import (
    NOW,
    SLA,
    WINDOW,
    claim,
    everybody,
    mark,
    open_alerts,
    outcomes,
    reload,
    seconds,
    settle,
)

pytestmark = pytest.mark.django_db


# --- cancelling -------------------------------------------------------------------------------


def test_cancelling_leaves_out_whoever_waits():
    distribution = an_open_distribution(3, now=NOW)
    taken = claim(distribution, limit=1)
    mark(taken)
    settle(taken, State.ACCEPTED)

    assert control.cancel(distribution.pk, reason="Wrong text.", now=NOW) == 2

    cancelled = reload(distribution)
    assert (cancelled.state, cancelled.state_reason) == ("CANCELLED", "Wrong text.")
    assert outcomes() == [(State.ACCEPTED, "")] + [(State.SKIPPED, "cancelled")] * 2


def test_a_paused_or_planned_one_can_be_cancelled():
    planned, paused = a_planned_distribution(NOW), an_open_distribution(2, now=NOW)
    control.pause(paused.pk, reason="token_invalid", now=NOW)

    assert control.cancel(planned.pk, reason="", now=NOW) == 0
    assert control.cancel(paused.pk, reason="", now=NOW) == 2
    assert not opening.open_distribution(planned.pk, now=NOW)
    assert open_alerts() == set()


@pytest.mark.parametrize("where", ["COMPLETED", "CANCELLED", "MISSED"])
def test_what_has_ended_cannot_be_cancelled(where):
    distribution = an_open_distribution(now=NOW)
    Distribution.objects.update(state=where)

    with pytest.raises(ControlError):
        control.cancel(distribution.pk, reason="", now=NOW)
    assert reload(distribution).state == where


def test_rows_claimed_while_cancelling_are_left_out_too():
    distribution = an_open_distribution(3, now=NOW)
    taken = claim(distribution)
    control.cancel(distribution.pk, reason="Wrong text.", now=NOW)

    mark(taken)  # in vain
    deliveries.release_claim(taken, [row.pk for row in taken.deliveries], next_at=NOW + seconds(2))
    sweep.sweep(NOW + seconds(15))

    assert outcomes() == [(State.SKIPPED, "cancelled")] * 3


def test_rows_whose_claimer_died_while_cancelling_are_left_out_too():
    distribution = an_open_distribution(3, now=NOW)
    claim(distribution)
    control.cancel(distribution.pk, reason="Wrong text.", now=NOW)

    sweep.sweep(NOW + LEASE + seconds(1))

    assert outcomes() == [(State.SKIPPED, "cancelled")] * 3


def test_a_refusal_that_comes_after_the_cancelling_is_not_tried_again():
    distribution = an_open_distribution(3, now=NOW)
    taken = claim(distribution)
    mark(taken)
    control.cancel(distribution.pk, reason="Wrong text.", now=NOW)
    settle(taken, State.RETRY_WAIT, reason="service_down", next_at=NOW + seconds(5))

    sweep.sweep(NOW + seconds(15))

    assert outcomes() == [(State.SKIPPED, "cancelled")] * 3


def test_doubts_of_a_cancelled_one_wait_for_a_word_and_end_with_the_window():
    distribution = an_open_distribution(3, now=NOW)
    mark(claim(distribution))
    control.cancel(distribution.pk, reason="Wrong text.", now=NOW)

    sweep.sweep(NOW + LEASE + seconds(1))
    assert outcomes() == [(State.UNKNOWN, "no_answer")] * 3
    sweep.sweep(NOW + WINDOW)

    assert outcomes() == [(State.UNCONFIRMED, "never_answered")] * 3


# --- completing -------------------------------------------------------------------------------


def test_it_is_completed_once_when_everybody_got_it():
    distribution = an_open_distribution(3, now=NOW)
    everybody(State.ACCEPTED, progress=2, delivered_at=NOW + seconds(2))

    assert closing.complete_if_done(distribution.pk, now=NOW + seconds(3))
    assert not closing.complete_if_done(distribution.pk, now=NOW + seconds(4))

    completed = reload(distribution)
    assert (completed.state, completed.completed_at) == ("COMPLETED", NOW + seconds(3))
    assert (completed.sla_accepted, completed.sla_delivered) == (1.0, 1.0)
    assert (completed.results["delivered"], completed.results["sla_met"]) == (3, True)
    assert open_alerts() == set()


@pytest.mark.parametrize(
    ("left", "done"),
    [
        (State.PENDING, False),
        (State.RETRY_WAIT, False),
        (State.CLAIMED, False),
        (State.INFLIGHT, False),
        (State.UNKNOWN, False),
        (State.HELD, False),
        (State.ACCEPTED, True),
        (State.FAILED, True),
        (State.SKIPPED, True),
        (State.UNCONFIRMED, True),
    ],
)
def test_it_is_done_when_nobody_is_owed_anything(left, done):
    distribution = an_open_distribution(2, now=NOW)
    everybody(State.ACCEPTED, progress=2, delivered_at=NOW)
    last = Delivery.objects.filter(pk=Delivery.objects.last().pk)
    last.update(state=left, reason="because", claim_token=1, lease_until=NOW, attempt_no=1)

    assert closing.complete_if_done(distribution.pk, now=NOW + SLA) is done


def test_it_waits_for_deliveries_until_the_service_level_is_decided(settings):
    settings.SLA_BASIS = "delivered"
    distribution = an_open_distribution(2, now=NOW)
    everybody(State.ACCEPTED)

    assert not closing.complete_if_done(distribution.pk, now=NOW + SLA - seconds(1))
    assert closing.complete_if_done(distribution.pk, now=NOW + SLA)
    assert open_alerts() == {"sla_missed"}


def test_at_the_windows_end_the_rest_is_left_out_and_it_closes():
    distribution = an_open_distribution(3, now=NOW)
    taken = claim(distribution, limit=1)
    mark(taken)
    settle(taken, State.ACCEPTED)

    assert not closing.complete_if_done(distribution.pk, now=NOW + WINDOW - seconds(1))
    assert closing.complete_if_done(distribution.pk, now=NOW + WINDOW)

    assert outcomes() == [(State.ACCEPTED, "")] + [(State.SKIPPED, "window")] * 2


def test_a_paused_one_closes_at_the_windows_end_too():
    distribution = an_open_distribution(2, now=NOW)
    control.pause(distribution.pk, reason="token_invalid", now=NOW)

    assert closing.complete_if_done(distribution.pk, now=NOW + WINDOW)
    assert outcomes() == [(State.SKIPPED, "window")] * 2
    assert "distribution_paused" not in open_alerts()


def test_zero_recipients_are_completed_at_once_and_said_so():
    distribution = an_open_distribution(0, now=NOW)

    assert distribution.state == DistributionState.COMPLETED
    assert distribution.state_reason == "No eligible recipients."
    assert distribution.results["recipients"] == 0
    assert open_alerts() == set()


def test_yesterdays_distribution_still_open_is_ended_before_todays_begins_and_that_is_said():
    yesterday = an_open_distribution(3, now=NOW, kind=Kind.DAILY)
    Distribution.objects.update(window_end=NOW + timedelta(days=2))
    out = claim(yesterday, limit=1)
    mark(out)
    tomorrow = NOW + timedelta(days=1)

    today = an_open_distribution(0, now=tomorrow, kind=Kind.DAILY)

    assert outcomes()[:3] == [(State.INFLIGHT, "")] + [(State.SKIPPED, "window")] * 2
    assert reload(yesterday).window_end == tomorrow
    assert Delivery.objects.filter(distribution=today, state="PENDING").count() == 3
    alert = Alert.objects.get(rule="overrun")
    assert "2 people were skipped" in alert.message
    settle(out, State.ACCEPTED)
    assert closing.complete_if_done(yesterday.pk, now=tomorrow + seconds(1))


def test_unconfirmed_people_are_told():
    distribution = an_open_distribution(2, now=NOW)
    everybody(State.UNCONFIRMED)

    closing.complete_if_done(distribution.pk, now=NOW + SLA)

    assert open_alerts() == {"unconfirmed", "sla_missed"}


def test_a_cancelled_one_is_never_completed(monkeypatch):
    """Even when it is cancelled between our look and our write."""
    distribution = an_open_distribution(2, now=NOW)
    everybody(State.ACCEPTED, progress=2, delivered_at=NOW)
    measure = closing.sla.results

    def cancel_meanwhile(*args, **kwargs):
        Distribution.objects.update(state=DistributionState.CANCELLED)
        return measure(*args, **kwargs)

    monkeypatch.setattr(closing.sla, "results", cancel_meanwhile)

    assert not closing.complete_if_done(distribution.pk, now=NOW)
    assert reload(distribution).state == DistributionState.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_eight_closers_at_once_close_it_once():
    distribution = an_open_distribution(2, now=NOW)
    everybody(State.ACCEPTED, progress=2, delivered_at=NOW)
    together = Barrier(8)

    def close(place: int) -> bool:
        try:
            together.wait(timeout=60)
            return closing.complete_if_done(distribution.pk, now=NOW + seconds(place))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as closers:
        closed = list(closers.map(close, range(8)))

    assert sum(closed) == 1
    assert reload(distribution).completed_at == NOW + seconds(closed.index(True))


def test_backups_stand_down_when_the_last_distribution_closes():
    a_number()
    backup = a_number(role=Role.BACKUP)
    content = an_approved_content(day=None, is_fallback=True)
    first, second = (an_open_distribution(1, now=NOW, content=content) for _ in range(2))
    everybody(State.ACCEPTED, progress=2, delivered_at=NOW)

    closing.complete_if_done(first.pk, now=NOW)
    backup.refresh_from_db()
    assert backup.state == NumberState.ACTIVE

    closing.complete_if_done(second.pk, now=NOW)
    backup.refresh_from_db()
    assert backup.state == NumberState.STANDBY


def test_whoever_is_not_with_whatsapp_yet_is_waiting():
    distribution = an_open_distribution(4, now=NOW)
    taken = claim(distribution, limit=2)
    assert control.waiting(distribution.pk) == 4

    mark(taken)

    assert control.waiting(distribution.pk) == 2
