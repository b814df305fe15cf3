from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime

import pytest
from django.db import OperationalError

from distribution.engine import keeper as keeping
from distribution.engine import tick
from distribution.engine.keeper import Keeper
from distribution.models import Alert, Delivery, Distribution, Heartbeat
from tests.distribution.keepers import (
    SIX,
    a_morning,
    keeper_actions,
    look,
    seconds,
    wait_until,
)

pytestmark = pytest.mark.django_db


# --- nothing to do ----------------------------------------------------------------------------


def test_a_round_without_work_is_two_statements(keeper, world, django_assert_num_queries):
    world.celery_lives()
    keeper._round()

    with django_assert_num_queries(2):
        keeper._round()

    assert (world.sent, world.published, world.drained) == ([], [], [])
    assert Heartbeat.objects.get(pk="keeper").at == world.now


def test_every_round_has_the_evidence_chained_beside_it(keeper, world):
    chained: list[int] = []
    keeper._actions = replace(keeper._actions, chain_evidence=lambda: chained.append(1))
    world.celery_lives()

    keeper._round()
    keeper._round()

    assert chained == [1, 1]


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
    keeper._actions = keeper_actions(world, publish=lambda _: let_go.wait(60))
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
