"""Slices of a large audience on their way to the broker, and beside an earlier day."""

from __future__ import annotations

from datetime import timedelta

import pytest

from distribution import tasks
from distribution.analytics import counts
from distribution.engine import tick
from distribution.ledger.reasons import DeliveryReason
from distribution.lifecycle import closing, control, preparing
from distribution.models import Alert, Distribution, Preparation, State
from subscribers.models import Status, Subscriber
from tests.builders import (
    a_number,
    a_portfolio,
    an_open_distribution,
    some_subscribers,
)
from tests.distribution.lifecycle.test_slices import LATER, NOW


@pytest.fixture(autouse=True)
def small_slices(settings):
    settings.FIRST_SLICE_PEOPLE, settings.SLICE_PEOPLE, settings.BATCH_SIZE = 3, 4, 2


@pytest.mark.django_db
def test_each_slice_is_published_once_frozen_and_a_broker_that_was_away_gets_the_rest(monkeypatch):
    published: list[list[int]] = []
    away = True

    class Chord:
        def __init__(self, header) -> None:
            self.batches = [task.args[1] for task in header]

        def __call__(self, body) -> None:
            published.append(self.batches)

    def publish(call, *, wait_seconds: float = 1.0) -> bool:
        if not away:
            call()
        return not away

    monkeypatch.setattr(tasks, "chord", Chord)
    monkeypatch.setattr(tasks, "publish", publish)
    some_subscribers(11)
    distribution = an_open_distribution(now=NOW)

    assert not tasks.start_batches(distribution.pk)
    assert preparing.freeze_next(distribution.pk, now=LATER)
    away = False
    tasks.prepare_audience(distribution.pk)

    assert published == [[0, 1, 2, 3], [4, 5]]
    assert preparing.unfinished(LATER + timedelta(days=99)) == []

    # A process died before it said so.
    Preparation.objects.update(published=5, ended_at=None, moved_at=NOW)
    soon = NOW + timedelta(seconds=9)
    control.pause(distribution.pk, reason="Test", now=LATER)
    assert preparing.unpublished(distribution.pk) == range(0)
    assert preparing.unfinished(soon) == []
    control.resume(distribution.pk, now=LATER)
    assert tick.check(soon).unfinished == [distribution.pk]
    tasks.prepare_audience(distribution.pk)
    assert published[2:] == [[5]]
    assert Subscriber.objects.filter(status=Status.ACTIVE).count() == 11


@pytest.mark.django_db
def test_many_people_of_an_earlier_day_are_skipped_after_today_s_first_slice():
    a_number(portfolio=a_portfolio(recipient_limit=9))
    some_subscribers(9)
    yesterday = NOW - timedelta(days=1)
    earlier = an_open_distribution(now=yesterday, kind="DAILY")
    preparing.freeze_all(earlier.pk, now=yesterday)
    Distribution.objects.filter(pk=earlier.pk).update(window_end=NOW + timedelta(hours=1))
    Subscriber.objects.update(status=Status.PAUSED)
    some_subscribers(9)

    today = an_open_distribution(now=NOW, kind="DAILY")

    assert "9 people were skipped" in Alert.objects.get(rule="overrun").message
    assert counts.tally(earlier).states == {State.PENDING: 9}
    assert not earlier.deliveries.due(NOW).filter(distribution__window_end__gt=NOW).exists()
    preparing.freeze_all(today.pk, now=LATER)
    assert counts.tally(today).states == {State.PENDING: 9}  # no room is kept for the others
    closing.complete_if_done(earlier.pk, now=LATER)
    assert counts.tally(earlier).reasons == {State.SKIPPED: {DeliveryReason.WINDOW_OVER: 9}}
