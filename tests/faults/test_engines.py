"""One engine, or what triggers it, is gone, late or there twice; a person steps in meanwhile."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from config.processes import programs
from distribution.lifecycle import control, schedule
from distribution.models import Alert, Delivery, Distribution
from phonepool.models import PhoneNumber
from subscribers.models import Subscriber
from tests.faults.checker import assert_kept
from tests.faults.stack import SCALED, WORKERS, Stack
from tests.subscribers.decide import opt_in, opt_out

PEOPLE = 150
# A second for the word to reach every process, and the time of a call that had begun.
PAUSED_WITHIN = 1.0 + 1.5


@pytest.fixture(scope="module")
def house(build):
    return build(PEOPLE)


def test_f09_a_deploy_every_few_seconds_costs_nothing(house):
    morning = house.open()
    morning.wait_accepted(10)

    for name in (*WORKERS, "keeper", "web", "beat"):
        house.stack.signal(name, signal.SIGTERM)
        house.stack.live_for(1.0)
    house.stack.revive(*WORKERS, "keeper", "web", "beat")
    morning.wait_ended()

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


@pytest.mark.parametrize(
    "dead",
    [
        pytest.param(("keeper",), id="F14 the keeper"),
        pytest.param((*WORKERS, "beat"), id="F15 all of Celery"),
        pytest.param(("beat",), id="F16 beat"),
    ],
)
def test_a_morning_without_one_engine_is_done_by_the_other(house, dead):
    house.stack.heal()
    house.stack.bury(*dead)

    morning = house.open_as_it_is()
    morning.wait_ended()

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f12_and_f15_the_last_worker_dies_in_the_middle_and_the_keeper_goes_on(house):
    morning = house.open()
    morning.wait_accepted(20)

    house.stack.bury(*WORKERS, "beat")
    healing = morning.wait_settled()
    morning.wait_ended()

    assert healing < 60
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f17_too_late_is_missed_and_told_and_an_hour_late_is_begun(house):
    house.stack.heal()
    now = timezone.now()
    noon = schedule.plan_once(at=now - timedelta(hours=5), content=house.content)

    morning = house.open_as_it_is(late=timedelta(hours=1))
    morning.wait_ended()

    noon.refresh_from_db()
    assert noon.state == "MISSED"
    assert not Delivery.objects.filter(distribution=noon).exists()
    alerts = Alert.objects.filter(rule="distribution_missed", scope=f"distribution {noon.pk}")
    assert alerts.count() == 1
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def second(stack: Stack, name: str) -> None:
    """Start another of these beside the first."""
    folder = stack.folder / "second"
    folder.mkdir(exist_ok=True)
    child = {"beat": programs.beat, "keeper": programs.keeper}[name](stack.env, folder)
    child = replace(child, name=f"{name}-2")
    stack.supervisor.wait_ready(stack.supervisor.start(child))


def test_f18_two_beats_two_keepers_and_twenty_triggers_are_one_morning(house):
    house.stack.heal()
    second(house.stack, "beat")
    second(house.stack, "keeper")

    morning = house.open_as_it_is()

    def trigger(_: int) -> int:
        try:
            return len(schedule.open_due(timezone.now()))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        opened = sum(pool.map(trigger, range(20)))
    morning.wait_ended()
    house.stack.bury("beat-2", "keeper-2")

    assert opened <= 1  # F22: one of all these, or one of the house's own
    assert Distribution.objects.filter(planned_at=morning.distribution.planned_at).count() == 1
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f23_a_pause_holds_within_a_second_and_a_resume_goes_on(house):
    morning = house.open()
    morning.wait_accepted(20)

    control.pause(morning.pk, reason="a person asked", now=timezone.now())
    house.stack.live_for(PAUSED_WITHIN)
    held = morning.accepted()
    house.stack.live_for(4.0)
    still = morning.accepted()
    control.resume(morning.pk, now=timezone.now())
    morning.wait_ended()

    assert still == held < PEOPLE
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)


def test_f23_after_a_cancellation_nobody_is_written_to(house):
    morning = house.open()
    morning.wait_accepted(20)

    cancelled_at = timezone.now()
    control.cancel(morning.pk, reason="wrong text", now=cancelled_at)
    morning.wait_ended()

    late = [
        entry
        for entry in house.stack.cloud.journal()
        if entry.arrived_at > cancelled_at.timestamp() + PAUSED_WITHIN
    ]
    tally = morning.tally()
    assert late == []
    assert set(tally) == {"ACCEPTED", "SKIPPED"}
    assert_kept(house.stack, morning.pk, unexplained_ends=True)


def test_f24_yesterdays_is_closed_before_todays_begins(house):
    yesterday = house.open()
    house.stack.wait(lambda: yesterday.state() == "SENDING", "yesterday's is open")
    PhoneNumber.objects.update(state="DISABLED")
    yesterday.wait_at_rest()  # what had its slot goes
    Distribution.objects.filter(pk=yesterday.pk).update(window_end=timezone.now())

    today = house.open()
    today.wait_ended()
    yesterday.wait_ended()

    tally = yesterday.tally()
    assert tally.get("SKIPPED", 0) > 0
    assert tally["SKIPPED"] + tally.get("ACCEPTED", 0) == PEOPLE
    assert today.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, today.pk)
    assert_kept(house.stack, yesterday.pk, unexplained_ends=True)


def test_f66_who_opts_out_before_the_mark_is_not_written_to(house, dice):
    house.stack.heal()
    people = list(Subscriber.objects.order_by("pk"))
    leavers = dice.sample(people, 40)
    morning = house.open()
    house.stack.wait(lambda: morning.tally() != {}, "the audience is frozen")

    gone: dict[int, float] = {}
    for person in leavers:
        now = timezone.now()
        opt_out(person, source="test", at=now, now=now)
        gone[person.pk] = timezone.now().timestamp()
    morning.wait_ended()

    rows = Delivery.objects.filter(distribution=morning.pk, subscriber__in=leavers)
    for row in rows:
        assert row.state in ("ACCEPTED", "SKIPPED")
        if row.state == "SKIPPED":
            assert row.reason == "opted_out"
        else:  # the statement that marks asks, so it ran before
            assert row.inflight_at is not None
            assert row.inflight_at.timestamp() < gone[row.subscriber_id]
    assert morning.tally()["ACCEPTED"] >= PEOPLE - len(leavers)
    assert_kept(house.stack, morning.pk, unexplained_ends=True)
    for person in leavers:
        now = timezone.now()
        opt_in(person, source="test", at=now, now=now)


def test_f13_everything_dies_at_once_and_the_morning_is_done_by_itself(house, server):
    morning = house.open()
    morning.wait_accepted(30)

    house.stack.kill(*[name for name in house.stack.supervisor.processes if name != "sandbox"])
    server.crash()
    # Who is in doubt waits until Meta had time to bring what the dead web did not take.
    patience = float(SCALED["RECEIVER_PATIENCE_SECONDS"])
    healing = house.stack.wait(lambda: morning.unsettled() == 0, "it heals", patience + 90)
    morning.wait_ended()

    assert healing < patience + 60
    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(house.stack, morning.pk)
