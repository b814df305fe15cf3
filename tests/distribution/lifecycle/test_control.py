from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections, transaction

from distribution.lifecycle import control, opening
from distribution.lifecycle.control import ControlError
from distribution.models import Alert, Delivery, Distribution, DistributionState, State
from phonepool.models import NumberState, Role
from tests.builders import (
    a_number,
    a_planned_distribution,
    a_portfolio,
    an_open_distribution,
    some_subscribers,
)
from tests.distribution.controls import (
    LATE,
    NOW,
    SLA,
    WINDOW,
    claim,
    mark,
    open_alerts,
    outcomes,
    reload,
    seconds,
    settle,
)

pytestmark = pytest.mark.django_db


# --- opening ----------------------------------------------------------------------------------


def test_opening_freezes_the_audience_and_starts_the_clocks():
    a_number()
    some_subscribers(60)
    distribution = a_planned_distribution(NOW, planned_at=NOW - seconds(20))

    assert opening.open_distribution(distribution.pk, now=NOW)

    opened = reload(distribution)
    assert (opened.state, opened.state_reason) == (DistributionState.SENDING, "")
    assert (opened.recipients, opened.batches) == (60, 2)
    assert (opened.opened_at, opened.window_end) == (NOW, NOW + WINDOW)
    assert opened.sla_deadline == NOW - seconds(20) + SLA  # a late start costs
    assert open_alerts() == set()


def test_opening_again_does_nothing():
    distribution = an_open_distribution(3, now=NOW)
    some_subscribers(1)

    assert not opening.open_distribution(distribution.pk, now=NOW + seconds(1))
    assert reload(distribution).opened_at == NOW
    assert Delivery.objects.count() == 3


def test_a_failed_check_blocks_with_its_reason_and_an_alert_until_it_is_mended():
    some_subscribers(3)
    distribution = a_planned_distribution(NOW)

    assert not opening.open_distribution(distribution.pk, now=NOW)
    blocked = reload(distribution)
    assert blocked.state == DistributionState.BLOCKED
    assert blocked.state_reason.startswith("No phone number can send")
    assert (open_alerts(), Delivery.objects.count()) == ({"no_number"}, 0)

    a_number()
    assert opening.open_distribution(distribution.pk, now=NOW + seconds(15))
    assert (reload(distribution).state, open_alerts()) == (DistributionState.SENDING, set())
    alert = Alert.objects.get(rule="no_number")
    assert (alert.opened_at, alert.closed_at) == (NOW, NOW + seconds(15))


def test_a_shortfall_is_told_and_does_not_hold():
    a_number(daily_capacity=2)
    some_subscribers(3)
    distribution = a_planned_distribution(NOW)

    assert opening.open_distribution(distribution.pk, now=NOW)
    assert open_alerts() == {"capacity_short"}
    assert Alert.objects.get().severity == "WARNING"


def test_people_left_out_for_the_portfolios_limit_are_told():
    a_number(portfolio=a_portfolio(recipient_limit=2))
    some_subscribers(3)
    distribution = a_planned_distribution(NOW)

    opening.open_distribution(distribution.pk, now=NOW)

    alert = Alert.objects.get(rule="portfolio_limit")
    assert (alert.severity, alert.closed_at) == ("CRITICAL", None)
    assert "1 person was skipped" in alert.message
    assert outcomes()[-1] == (State.SKIPPED, "portfolio_limit")


def test_too_late_to_begin_is_missed_with_an_alert():
    a_number()
    some_subscribers(3)
    distribution = a_planned_distribution(NOW)

    assert not opening.open_distribution(distribution.pk, now=NOW + LATE + seconds(0.001))

    missed = reload(distribution)
    assert (missed.state, missed.state_reason) == (DistributionState.MISSED, "Too late to start.")
    assert (open_alerts(), Delivery.objects.count()) == ({"distribution_missed"}, 0)


def test_just_in_time_is_not_missed():
    a_number()
    distribution = a_planned_distribution(NOW)

    assert opening.open_distribution(distribution.pk, now=NOW + LATE)


def test_a_distribution_is_blocked_together_with_its_alert_or_not_at_all(monkeypatch):
    """Raised after the commit, the alert came after another process had opened the distribution
    and closed its alerts: it stayed open for good."""
    distribution = a_planned_distribution(NOW, planned_at=NOW)
    before = reload(distribution).state

    def fails(*_, **__):
        raise RuntimeError("the alert cannot be written")

    with monkeypatch.context() as patch:
        patch.setattr(opening.incidents, "raise_alert", fails)
        with pytest.raises(RuntimeError):
            opening.open_distribution(distribution.pk, now=NOW)
    assert reload(distribution).state == before

    assert not opening.open_distribution(distribution.pk, now=NOW)
    assert reload(distribution).state == DistributionState.BLOCKED
    assert open_alerts() != set()


def test_a_blocked_one_that_ran_out_of_time_says_why():
    distribution = a_planned_distribution(NOW)
    opening.open_distribution(distribution.pk, now=NOW)

    opening.open_distribution(distribution.pk, now=NOW + LATE + seconds(1))

    missed = reload(distribution)
    assert missed.state == DistributionState.MISSED
    assert missed.state_reason.startswith("Too late to start. No phone number can send")


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
            together.wait(timeout=60)
            return opening.open_distribution(distribution.pk, now=NOW)
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
            return opening.open_distribution(distribution.pk, now=NOW)
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
