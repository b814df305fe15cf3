from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.conf import settings
from django.db import connections, transaction

from distribution import control, retrying, state
from distribution.control import ControlError
from distribution.models import Alert, Delivery, Distribution, DistributionState, Kind, State
from distribution.state import Settlement
from phonepool.models import NumberState, PhoneNumber, Role
from tests.builders import (
    LEASE,
    a_number,
    a_planned_distribution,
    a_portfolio,
    an_approved_content,
    an_open_distribution,
    some_subscribers,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
LATE = timedelta(seconds=settings.MAX_START_LATENESS_SECONDS)
WINDOW = timedelta(seconds=settings.SENDING_WINDOW_SECONDS)
SLA = timedelta(seconds=settings.SLA_WINDOW_SECONDS)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def reload(distribution: Distribution) -> Distribution:
    return Distribution.objects.get(pk=distribution.pk)


def open_alerts() -> set[str]:
    return set(Alert.objects.filter(closed_at=None).values_list("rule", flat=True))


def outcomes() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("pk").values_list("state", "reason"))


def claim(distribution: Distribution, *, limit: int = 50, now: datetime = NOW) -> state.Claim:
    return state.claim(distribution.pk, 0, limit=limit, now=now, lease=LEASE)


def mark(taken: state.Claim, *, now: datetime = NOW) -> None:
    number_id = PhoneNumber.objects.first().pk
    state.mark_inflight(taken, taken.deliveries, number_id=number_id, now=now, lease=LEASE)


def settle(taken: state.Claim, to: State, **fields) -> None:
    state.settle([Settlement(taken.attempt(row), to, NOW, **fields) for row in taken.deliveries])


def everybody(to: State, **fields) -> None:
    extra = {"accepted_at": NOW} if to in (State.ACCEPTED, State.HELD) else {"reason": "because"}
    Delivery.objects.update(state=to, **{**extra, **fields})


# --- opening ----------------------------------------------------------------------------------


def test_opening_freezes_the_audience_and_starts_the_clocks():
    a_number()
    some_subscribers(60)
    distribution = a_planned_distribution(NOW, planned_at=NOW - seconds(20))

    assert control.open_distribution(distribution.pk, now=NOW)

    opened = reload(distribution)
    assert (opened.state, opened.state_reason) == (DistributionState.SENDING, "")
    assert (opened.recipients, opened.batches) == (60, 2)
    assert (opened.opened_at, opened.window_end) == (NOW, NOW + WINDOW)
    assert opened.sla_deadline == NOW - seconds(20) + SLA  # a late start costs
    assert open_alerts() == set()


def test_opening_again_does_nothing():
    distribution = an_open_distribution(3, now=NOW)
    some_subscribers(1)

    assert not control.open_distribution(distribution.pk, now=NOW + seconds(1))
    assert reload(distribution).opened_at == NOW
    assert Delivery.objects.count() == 3


def test_a_failed_check_blocks_with_its_reason_and_an_alert_until_it_is_mended():
    some_subscribers(3)
    distribution = a_planned_distribution(NOW)

    assert not control.open_distribution(distribution.pk, now=NOW)
    blocked = reload(distribution)
    assert blocked.state == DistributionState.BLOCKED
    assert blocked.state_reason.startswith("No phone number can send")
    assert (open_alerts(), Delivery.objects.count()) == ({"no_number"}, 0)

    a_number()
    assert control.open_distribution(distribution.pk, now=NOW + seconds(15))
    assert (reload(distribution).state, open_alerts()) == (DistributionState.SENDING, set())
    alert = Alert.objects.get(rule="no_number")
    assert (alert.opened_at, alert.closed_at) == (NOW, NOW + seconds(15))


def test_a_shortfall_is_told_and_does_not_hold():
    a_number(daily_capacity=2)
    some_subscribers(3)
    distribution = a_planned_distribution(NOW)

    assert control.open_distribution(distribution.pk, now=NOW)
    assert open_alerts() == {"capacity_short"}
    assert Alert.objects.get().severity == "WARNING"


def test_people_left_out_for_the_portfolios_limit_are_told():
    a_number(portfolio=a_portfolio(recipient_limit=2))
    some_subscribers(3)
    distribution = a_planned_distribution(NOW)

    control.open_distribution(distribution.pk, now=NOW)

    alert = Alert.objects.get(rule="portfolio_limit")
    assert (alert.severity, alert.closed_at) == ("CRITICAL", None)
    assert "1 people are left out" in alert.message
    assert outcomes()[-1] == (State.SKIPPED, "portfolio_limit")


def test_too_late_to_begin_is_missed_with_an_alert():
    a_number()
    some_subscribers(3)
    distribution = a_planned_distribution(NOW)

    assert not control.open_distribution(distribution.pk, now=NOW + LATE + seconds(0.001))

    missed = reload(distribution)
    assert (missed.state, missed.state_reason) == (DistributionState.MISSED, "Too late to begin.")
    assert (open_alerts(), Delivery.objects.count()) == ({"distribution_missed"}, 0)


def test_just_in_time_is_not_missed():
    a_number()
    distribution = a_planned_distribution(NOW)

    assert control.open_distribution(distribution.pk, now=NOW + LATE)


def test_a_blocked_one_that_ran_out_of_time_says_why():
    distribution = a_planned_distribution(NOW)
    control.open_distribution(distribution.pk, now=NOW)

    control.open_distribution(distribution.pk, now=NOW + LATE + seconds(1))

    missed = reload(distribution)
    assert missed.state == DistributionState.MISSED
    assert missed.state_reason.startswith("Too late to begin. No phone number can send")


def test_backups_wake_at_once_when_the_primaries_cannot_meet_the_window():
    a_number(rate_per_second=1)
    backup = a_number(role=Role.BACKUP, state=NumberState.STANDBY)

    an_open_distribution(400, now=NOW)

    backup.refresh_from_db()
    assert backup.state == NumberState.ACTIVE


@pytest.mark.django_db(transaction=True)
def test_eight_triggers_at_once_open_it_once():
    a_number()
    some_subscribers(70)
    distribution = a_planned_distribution(NOW)
    together = Barrier(8)

    def trigger(_: int) -> bool:
        try:
            together.wait(timeout=10)
            return control.open_distribution(distribution.pk, now=NOW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as triggers:
        assert sorted(triggers.map(trigger, range(8))) == [False] * 7 + [True]
    assert Delivery.objects.count() == 70


@pytest.mark.django_db(transaction=True)
def test_who_comes_while_another_opens_does_not_wait(on_postgres):
    """Freezing a million people takes longer than the lock timeout: waiting would be an error."""
    a_number()
    distribution = a_planned_distribution(NOW)

    def open_elsewhere() -> bool:
        try:
            return control.open_distribution(distribution.pk, now=NOW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as other, transaction.atomic():
        assert Distribution.objects.select_for_update().get(pk=distribution.pk)
        assert other.submit(open_elsewhere).result(timeout=2) is False
    assert reload(distribution).state == DistributionState.SCHEDULED


# --- pausing ----------------------------------------------------------------------------------


def test_a_pause_stops_new_claims_and_is_told():
    distribution = an_open_distribution(3, now=NOW)

    assert control.pause(distribution.pk, reason="token_invalid: new token", now=NOW)
    assert not control.pause(distribution.pk, reason="again", now=NOW)

    assert claim(distribution).deliveries == []
    paused = reload(distribution)
    assert (paused.state, paused.state_reason) == ("PAUSED", "token_invalid: new token")
    assert open_alerts() == {"distribution_paused"}


def test_calls_under_way_end_although_paused():
    distribution = an_open_distribution(3, now=NOW)
    taken = claim(distribution)
    mark(taken)
    control.pause(distribution.pk, reason="by an operator", now=NOW)

    settle(taken, State.ACCEPTED)

    assert outcomes() == [(State.ACCEPTED, "")] * 3


def test_resuming_goes_on_where_it_was():
    distribution = an_open_distribution(3, now=NOW)
    control.pause(distribution.pk, reason="by an operator", now=NOW)

    control.resume(distribution.pk, now=NOW)

    assert len(claim(distribution).deliveries) == 3
    assert (reload(distribution).state_reason, open_alerts()) == ("", set())


@pytest.mark.parametrize("where", sorted(set(DistributionState) - {DistributionState.PAUSED}))
def test_only_what_is_paused_can_be_resumed(where):
    distribution = an_open_distribution(now=NOW)
    Distribution.objects.update(state=where)

    with pytest.raises(ControlError):
        control.resume(distribution.pk, now=NOW)
    assert reload(distribution).state == where


@pytest.mark.parametrize("where", sorted(set(DistributionState) - {DistributionState.SENDING}))
def test_only_what_is_sending_can_be_paused(where):
    distribution = an_open_distribution(now=NOW)
    Distribution.objects.update(state=where)

    assert not control.pause(distribution.pk, reason="by an operator", now=NOW)
    assert (reload(distribution).state, open_alerts()) == (where, set())


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
    assert not control.open_distribution(planned.pk, now=NOW)
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
    state.give_back(taken, [row.pk for row in taken.deliveries], next_at=NOW + seconds(2))
    retrying.sweep(NOW + seconds(15))

    assert outcomes() == [(State.SKIPPED, "cancelled")] * 3


def test_rows_whose_claimer_died_while_cancelling_are_left_out_too():
    distribution = an_open_distribution(3, now=NOW)
    claim(distribution)
    control.cancel(distribution.pk, reason="Wrong text.", now=NOW)

    retrying.sweep(NOW + LEASE + seconds(1))

    assert outcomes() == [(State.SKIPPED, "cancelled")] * 3


def test_a_refusal_that_comes_after_the_cancelling_is_not_tried_again():
    distribution = an_open_distribution(3, now=NOW)
    taken = claim(distribution)
    mark(taken)
    control.cancel(distribution.pk, reason="Wrong text.", now=NOW)
    settle(taken, State.RETRY_WAIT, reason="service_down", next_at=NOW + seconds(5))

    retrying.sweep(NOW + seconds(15))

    assert outcomes() == [(State.SKIPPED, "cancelled")] * 3


def test_doubts_of_a_cancelled_one_wait_for_a_word_and_end_with_the_window():
    distribution = an_open_distribution(3, now=NOW)
    mark(claim(distribution))
    control.cancel(distribution.pk, reason="Wrong text.", now=NOW)

    retrying.sweep(NOW + LEASE + seconds(1))
    assert outcomes() == [(State.UNKNOWN, "no_answer")] * 3
    retrying.sweep(NOW + WINDOW)

    assert outcomes() == [(State.UNCONFIRMED, "never_answered")] * 3


# --- completing -------------------------------------------------------------------------------


def test_it_is_completed_once_when_everybody_got_it():
    distribution = an_open_distribution(3, now=NOW)
    everybody(State.ACCEPTED, progress=2, delivered_at=NOW + seconds(2))

    assert control.complete_if_done(distribution.pk, now=NOW + seconds(3))
    assert not control.complete_if_done(distribution.pk, now=NOW + seconds(4))

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

    assert control.complete_if_done(distribution.pk, now=NOW + SLA) is done


def test_it_waits_for_deliveries_until_the_service_level_is_decided():
    distribution = an_open_distribution(2, now=NOW)
    everybody(State.ACCEPTED)

    assert not control.complete_if_done(distribution.pk, now=NOW + SLA - seconds(1))
    assert control.complete_if_done(distribution.pk, now=NOW + SLA)
    assert open_alerts() == {"sla_missed"}


def test_at_the_windows_end_the_rest_is_left_out_and_it_closes():
    distribution = an_open_distribution(3, now=NOW)
    taken = claim(distribution, limit=1)
    mark(taken)
    settle(taken, State.ACCEPTED)

    assert not control.complete_if_done(distribution.pk, now=NOW + WINDOW - seconds(1))
    assert control.complete_if_done(distribution.pk, now=NOW + WINDOW)

    assert outcomes() == [(State.ACCEPTED, "")] + [(State.SKIPPED, "window")] * 2


def test_a_paused_one_closes_at_the_windows_end_too():
    distribution = an_open_distribution(2, now=NOW)
    control.pause(distribution.pk, reason="token_invalid", now=NOW)

    assert control.complete_if_done(distribution.pk, now=NOW + WINDOW)
    assert outcomes() == [(State.SKIPPED, "window")] * 2
    assert "distribution_paused" not in open_alerts()


def test_zero_recipients_are_completed_at_once_and_said_so():
    distribution = an_open_distribution(0, now=NOW)

    assert distribution.state == DistributionState.COMPLETED
    assert distribution.state_reason == "There was nobody to write to."
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
    assert "2 people are left out" in alert.message
    settle(out, State.ACCEPTED)
    assert control.complete_if_done(yesterday.pk, now=tomorrow + seconds(1))


def test_unconfirmed_people_are_told():
    distribution = an_open_distribution(2, now=NOW)
    everybody(State.UNCONFIRMED)

    control.complete_if_done(distribution.pk, now=NOW + SLA)

    assert open_alerts() == {"unconfirmed", "sla_missed"}


def test_a_cancelled_one_is_never_completed(monkeypatch):
    """Even when it is cancelled between our look and our write."""
    distribution = an_open_distribution(2, now=NOW)
    everybody(State.ACCEPTED, progress=2, delivered_at=NOW)
    measure = control.sla.results

    def cancel_meanwhile(*args, **kwargs):
        Distribution.objects.update(state=DistributionState.CANCELLED)
        return measure(*args, **kwargs)

    monkeypatch.setattr(control.sla, "results", cancel_meanwhile)

    assert not control.complete_if_done(distribution.pk, now=NOW)
    assert reload(distribution).state == DistributionState.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_eight_closers_at_once_close_it_once():
    distribution = an_open_distribution(2, now=NOW)
    everybody(State.ACCEPTED, progress=2, delivered_at=NOW)
    together = Barrier(8)

    def close(place: int) -> bool:
        try:
            together.wait(timeout=10)
            return control.complete_if_done(distribution.pk, now=NOW + seconds(place))
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

    control.complete_if_done(first.pk, now=NOW)
    backup.refresh_from_db()
    assert backup.state == NumberState.ACTIVE

    control.complete_if_done(second.pk, now=NOW)
    backup.refresh_from_db()
    assert backup.state == NumberState.STANDBY


def test_whoever_is_not_with_whatsapp_yet_is_waiting():
    distribution = an_open_distribution(4, now=NOW)
    taken = claim(distribution, limit=2)
    assert control.waiting(distribution.pk) == 4

    mark(taken)

    assert control.waiting(distribution.pk) == 2
