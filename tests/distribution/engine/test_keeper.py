from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import OperationalError

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.engine import keeper as keeping
from distribution.engine import tick
from distribution.engine.keeper import Keeper, KeeperActions
from distribution.ledger import claims, deliveries
from distribution.ledger.attempts.settlements import Settlement
from distribution.models import Alert, Delivery, Distribution, Heartbeat, Kind
from distribution.runtime import background
from distribution.runtime.watchdog import Watchdog
from phonepool.models import NumberState, PhoneNumber
from tests.builders import (
    LEASE,
    an_open_distribution,
)
from tests.distribution.keepers import SIX, World, a_morning, look, seconds, wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(monkeypatch) -> World:
    # Each test is one transaction, which "old connection" would end.
    for module in ("keeper", "standby_sender"):
        monkeypatch.setattr(f"distribution.engine.{module}.close_old_connections", lambda: None)
    return World()


def actions(world: World, *, publish: Callable[[int], bool]) -> KeeperActions:
    return KeeperActions(
        send=world.send,
        publish=publish,
        drain=world.drained.append,
        post_events=lambda: None,
        refresh_rollups=lambda: None,
        withdraw=lambda: None,
    )


@pytest.fixture
def keeper(world):
    with Watchdog(600, on_hang=lambda: None) as watchdog:
        made = Keeper(
            actions(world, publish=world.publish), watchdog=watchdog, clock=lambda: world.now
        )
        yield made
        made._standby_sender.close(seconds=30)


# --- nothing to do ----------------------------------------------------------------------------


def test_a_round_without_work_is_two_statements(keeper, world, django_assert_num_queries):
    world.celery_lives()
    keeper._round()

    with django_assert_num_queries(2):
        keeper._round()

    assert (world.sent, world.published, world.drained) == ([], [], [])
    assert Heartbeat.objects.get(pk="keeper").at == world.now


# --- opening ----------------------------------------------------------------------------------


def test_it_opens_the_day_when_its_time_has_come_and_tells_the_broker(keeper, world):
    a_morning()
    look(keeper, world)
    assert not Distribution.objects.exists()

    look(keeper, world, later=61)

    opened = Distribution.objects.get()
    assert (opened.state, opened.recipients, opened.batches) == ("SENDING", 120, 3)
    assert world.asked.wait(30)
    assert world.published == [opened.pk]
    look(keeper, world, later=5)
    assert (world.sent, world.published) == ([], [opened.pk])  # Celery has it


def test_what_the_broker_does_not_take_it_sends_at_once(keeper, world):
    a_morning()
    world.broker_takes = False
    look(keeper, world, later=61)
    wait_until(lambda: bool(keeper._unpublished or world.sent))

    look(keeper, world, later=1)

    opened = Distribution.objects.get()
    assert set(world.sent) == {(opened.pk, 0), (opened.pk, 1), (opened.pk, 2)}


def test_a_broker_that_hangs_holds_up_nobody(keeper, world):
    a_morning()
    let_go = threading.Event()
    keeper._actions = actions(world, publish=lambda _: let_go.wait(60))
    look(keeper, world, later=61)
    look(keeper, world, later=5)
    assert world.sent == []

    look(keeper, world, later=6)  # eleven seconds, and nothing moved
    let_go.set()

    assert sorted(batch for _, batch in world.sent) == [0, 1, 2]


def test_two_keepers_at_once_open_one_day(keeper, world):
    a_morning()
    twin = Keeper(keeper._actions, watchdog=keeper._watchdog, clock=lambda: world.now)
    look(keeper, world, later=61)
    look(twin, world)

    assert Distribution.objects.count() == 1
    assert Delivery.objects.count() == 120


# --- standing in ------------------------------------------------------------------------------


@pytest.fixture
def running(world) -> Distribution:
    """120 people, opened at six, and Celery has it."""
    world.now = SIX
    opened = an_open_distribution(120, now=SIX, kind=Kind.DAILY)
    world.celery_lives()
    return opened


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


# --- the rest of Celery's work ----------------------------------------------------------------


def test_it_drains_the_inbox_when_nobody_else_does(keeper, world):
    world.celery_lives()
    look(keeper, world, later=9)
    assert world.drained == []

    look(keeper, world, later=2)

    assert world.drained == [world.now]


def test_when_the_regular_check_is_silent_it_is_told_and_the_day_is_kept(
    keeper, world, running, settings
):
    Heartbeat.objects.filter(pk="tick").update(at=world.now - seconds(61))
    look(keeper, world)
    assert Alert.objects.get(rule="tick_silent").closed_at is None

    Heartbeat.record("tick", world.now)
    look(keeper, world)
    assert Alert.objects.get(rule="tick_silent").closed_at == world.now


def test_it_refreshes_the_service_level_and_alerts_when_celery_does_not(keeper, world, running):
    look(keeper, world, later=29)
    assert not Alert.objects.filter(rule="sla_at_risk").exists()

    look(keeper, world, later=280)

    assert Alert.objects.filter(rule="sla_at_risk", closed_at=None).exists()


def test_it_closes_what_is_done(keeper, world, running):
    Delivery.objects.update(state="SKIPPED", reason="opted_out")
    look(keeper, world, later=301)

    running.refresh_from_db()
    assert running.state == "COMPLETED"


def test_alerts_that_nobody_tells_it_tells(keeper, world, settings, monkeypatch):
    settings.WEBHOOK_ALERT_URL = "http://127.0.0.1:9/"
    told: list[datetime] = []
    monkeypatch.setattr(keeping.webhook, "notify", told.append)
    monkeypatch.setattr(background, "connections", type("None", (), {"close_all": lambda: None}))
    world.celery_lives()
    incidents.raise_alert(AlertRule.CLOCK_SET_BACK, message="X.", now=world.now)
    look(keeper, world, later=29)
    assert told == []

    look(keeper, world, later=2)
    wait_until(lambda: told == [world.now])


def test_one_duty_that_breaks_keeps_none_of_the_others_from_being_done(
    keeper, world, running, monkeypatch, caplog
):
    def broken(_: datetime) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(tick, "check", broken)
    look(keeper, world, later=11)

    assert len(world.sent) == 3
    assert "the regular check broke off" in caplog.text


# --- its own life -----------------------------------------------------------------------------


def test_a_database_that_is_away_is_waited_for_ever_longer(keeper, monkeypatch):
    pauses: list[float] = []
    ready: list[int] = []
    rounds = iter([OperationalError("away")] * 7 + [None] * 2)

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0.0)
            if len(pauses) == 9:
                self.set()
            return self.is_set()

    def attempt() -> None:
        if (trouble := next(rounds)) is not None:
            raise trouble

    monkeypatch.setattr(keeper, "_round", attempt)
    monkeypatch.setattr(keeping, "connections", type("None", (), {"close_all": lambda: None}))
    keeper.run(Stop(), ready=lambda: ready.append(1))

    assert pauses[:7] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]
    assert all(4 < pause <= 5 for pause in pauses[7:])
    assert ready == [1]


def test_the_keepers_silence_is_told_by_celerys_check_and_its_return_too(db):
    now = SIX
    assert tick.watch_engine("keeper", now) is False  # expected from now on
    assert tick.watch_engine("keeper", now + seconds(60)) is False
    assert tick.watch_engine("keeper", now + seconds(61)) is True
    assert Alert.objects.get().rule == "keeper_silent"

    Heartbeat.record("keeper", now + seconds(65))
    assert tick.watch_engine("keeper", now + seconds(66)) is False
    assert Alert.objects.get().closed_at == now + seconds(66)
