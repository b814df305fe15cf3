"""The keeper applies webhooks if no worker does, and leaves workers alone that are only slow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from distribution.models import StatusFeed
from tests.webhooks import posts
from tests.webhooks.posts import notice
from webhooks.applying import inbox
from webhooks.applying.standby import Standby
from webhooks.models import WebhookEvent

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
store = partial(posts.store, at=NOW)
pytestmark = pytest.mark.django_db


def bodies(first: int, count: int) -> list[bytes]:
    return [notice("security", NOW, event=f"E{no}") for no in range(first, first + count)]


def waiting() -> int:
    return WebhookEvent.objects.pending().count()


def apply_the_oldest() -> None:
    oldest = WebhookEvent.objects.pending().order_by("pk")[0]
    WebhookEvent.objects.filter(pk=oldest.pk).update(processed_at=NOW)


def test_what_nobody_applies_is_applied_at_the_second_look_and_from_then_on():
    standby = Standby()
    store(*bodies(0, 3))

    standby.drain(NOW)
    assert waiting() == 3
    standby.drain(NOW)
    assert waiting() == 0

    store(*bodies(3, 2))
    standby.drain(NOW)
    assert waiting() == 0


def test_workers_that_are_only_slow_are_left_alone():
    standby = Standby()
    store(*bodies(0, 4))
    standby.drain(NOW)

    for left in (3, 2, 1):  # a worker applies one between two looks
        apply_the_oldest()
        standby.drain(NOW)
        assert waiting() == left

    standby.drain(NOW)  # the worker has died
    assert waiting() == 0


def test_a_worker_that_comes_back_is_left_alone_again(monkeypatch):
    standby = Standby()
    store(*bodies(0, 1))
    standby.drain(NOW)
    standby.drain(NOW)
    assert waiting() == 0

    with monkeypatch.context() as patch:
        patch.setattr(inbox, "drain", lambda **_: None)  # there is no time for these
        store(*bodies(1, 2))
        standby.drain(NOW)
    apply_the_oldest()
    standby.drain(NOW)
    assert waiting() == 1


def test_an_empty_inbox_is_recorded_as_applied():
    Standby().drain(NOW)

    assert StatusFeed.current().applied_through == NOW - timedelta(seconds=10)
