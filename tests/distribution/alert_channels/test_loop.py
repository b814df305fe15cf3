"""The loop with real threads: a dead channel, two senders at once, clocks that differ."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import DatabaseError, connections
from django.utils import timezone

from distribution.alert_channels import delivery, leases
from distribution.alert_channels.loop import NoticeLoop
from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert, AlertChannel, Notification
from tests.distribution.sinks import a_channel, a_route
from tests.load import alert_bench


@pytest.mark.django_db(transaction=True)
def test_a_channel_that_never_answers_delays_no_other():
    delays = alert_bench.measure(60, 2.0)
    for sink in delays.values():
        assert len(sink) == 60
        assert max(sink) < 10
    assert Notification.objects.filter(destination__name="Dead", state="SENT").count() == 0
    assert not Notification.objects.exclude(destination__name="Dead").exclude(state="SENT").exists()


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_send_each_notice_once(receiver, clock):
    a_route(a_channel("Hook", address=receiver.url))
    for about in range(10):
        incidents.raise_alert(AlertRule.NO_NUMBER, about, message="x", now=clock.now)
    channel, together = delivery.waiting(clock.now)[0], Barrier(4)

    def send(_: int) -> int:
        try:
            together.wait(timeout=60)
            return delivery.serve(channel, clock)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as senders:
        assert sum(senders.map(send, range(4))) == 10
    assert sorted(post.content["scope"] for post in receiver.posts) == [
        f"distribution {about}" for about in range(10)
    ]


@pytest.mark.django_db
def test_a_sender_that_was_frozen_finds_that_another_one_took_over(receiver, clock, monkeypatch):
    """It had sent a message and not recorded it: that one is sent again under its key, no other."""
    a_route(a_channel("Hook", address=receiver.url))
    for about in range(3):
        incidents.raise_alert(AlertRule.NO_NUMBER, about, message="x", now=clock.now)
    send, channel = delivery.send, delivery.waiting(clock.now)[0]

    def freeze(*arguments):
        sent = send(*arguments)
        monkeypatch.setattr(delivery, "send", send)
        clock.later(leases.SECONDS - 1)
        assert delivery.serve(channel, clock) == 0  # it may still be at work
        clock.later(1)
        assert delivery.serve(channel, clock) == 3
        return sent

    monkeypatch.setattr(delivery, "send", freeze)
    assert delivery.serve(channel, clock) == 1
    assert delivery.serve(channel, clock) == 0
    told = [(post.content["scope"], post.headers["webhook-id"]) for post in receiver.posts]
    assert [scope for scope, _ in told] == [f"distribution {about}" for about in (0, 0, 1, 2)]
    assert told[0] == told[1]
    assert AlertChannel.objects.get().busy_until is None


@pytest.mark.django_db
@pytest.mark.parametrize("seconds", [-2, 2])
def test_clocks_two_seconds_apart_delay_nothing(receiver, clock, seconds):
    a_route(a_channel("Hook", address=receiver.url))
    ahead = clock.now + timedelta(seconds=seconds)
    incidents.raise_alert(AlertRule.NO_NUMBER, 1, message="x", now=ahead)
    assert delivery.deliver_due(clock) == 1


@pytest.mark.django_db
def test_an_alert_that_cannot_be_stored_is_in_the_log(monkeypatch, caplog, clock):
    def read_only(*_: object, **__: object) -> None:
        raise DatabaseError("cannot execute INSERT in a read-only transaction")

    monkeypatch.setattr(Alert.objects, "create", read_only)
    with pytest.raises(DatabaseError):
        incidents.raise_alert(AlertRule.NO_NUMBER, 1, message="x", now=clock.now)
    assert "alert not stored: no_number distribution 1" in caplog.text
    assert not Alert.objects.exists()


def test_a_database_that_is_away_ends_no_loop(monkeypatch):
    def away(_: object) -> list[int]:
        raise DatabaseError("away")

    monkeypatch.setattr(incidents, "remind", away)
    monkeypatch.setattr("distribution.alert_channels.loop.connections.close_all", lambda: None)
    monkeypatch.setattr("distribution.alert_channels.loop.close_old_connections", lambda: None)
    loop = NoticeLoop(timezone.now)
    assert loop._try_round() is False
    monkeypatch.setattr(loop._lanes, "start", list)
    assert loop._try_round() is True
