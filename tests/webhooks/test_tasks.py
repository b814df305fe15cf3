from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from distribution.models import StatusFeed
from tests.webhooks.posts import notice
from webhooks import tasks
from webhooks.applying import inbox
from webhooks.models import WebhookEvent
from webhooks.receiving import nudger, store

pytestmark = pytest.mark.django_db
BODY = notice("security", event="PIN_CHANGED")


@pytest.fixture
def woken(monkeypatch) -> list[None]:
    calls: list[None] = []
    monkeypatch.setattr(nudger, "request_drain", lambda: calls.append(None))
    return calls


def test_the_drain_applies_what_waits(woken):
    store.store(BODY, 0, now=timezone.now())

    tasks.drain_inbox()

    assert not WebhookEvent.objects.pending().exists()
    assert woken == []


def test_a_drain_that_ran_out_of_time_has_the_rest_drained_too(woken, monkeypatch):
    monkeypatch.setattr(inbox.drain, "__kwdefaults__", {"limit": 500, "seconds": -1})
    store.store(BODY, 0, now=timezone.now())

    tasks.drain_inbox()

    assert woken == [None]
    assert WebhookEvent.objects.pending().count() == 1


def test_drains_in_quick_succession_look_back_once_and_say_once_how_far_they_came(
    woken, monkeypatch
):
    clock = [1000.0]
    monkeypatch.setattr(tasks, "monotonic", lambda: clock[0])
    monkeypatch.setattr(tasks, "_deferred_applied_at", 0.0)
    told = []
    for seconds in (0, 1, 2.9, 0.1):
        clock[0] += seconds
        before = timezone.now()
        tasks.drain_inbox()
        through = StatusFeed.objects.get().applied_through
        told.append(through > before - inbox.STORE_LIMIT)
    assert told == [True, False, False, True]


def test_bodies_are_forgotten_after_the_days_that_the_settings_say(settings):
    settings.WEBHOOK_KEEP_DAYS = 30
    now = timezone.now()
    for days in (29, 31):
        store.store(BODY.ljust(500 + days), 0, now=now - timedelta(days=days))
    inbox.drain(now=now)

    tasks.prune_inbox()

    assert WebhookEvent.objects.get().received_at == now - timedelta(days=29)
