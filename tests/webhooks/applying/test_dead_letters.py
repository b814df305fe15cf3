from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import OperationalError

from distribution.models import Alert, Delivery, State, StatusFeed
from tests.webhooks import posts
from tests.webhooks.posts import in_flight, make_applying_fail, notice, status, statuses
from webhooks.applying import dead_letters, inbox
from webhooks.models import WebhookEvent

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
BODY = notice("security", NOW, event="PIN_CHANGED")
store = partial(posts.store, at=NOW)
pytestmark = pytest.mark.django_db


def test_a_poison_spoils_nobody_elses_day_and_dies_alone_after_five_tries(monkeypatch):
    _, attempts = in_flight(9, now=NOW)
    items = [statuses(status("sent", key, at=NOW, wamid=f"w{pk}")) for pk, key in attempts.items()]
    pks = store(*items[:4], BODY, *items[4:])
    tried = make_applying_fail(monkeypatch, pks[4])

    first = inbox.drain(now=NOW)

    assert (first.applied, first.failed, first.dead) == (9, 1, 0)
    assert Delivery.objects.count_by_state() == {State.ACCEPTED: 9}
    assert len(tried) <= 10  # halves of halves, not one by one
    later = [inbox.drain(now=NOW + timedelta(seconds=n)) for n in range(1, 6)]
    assert [(one.failed, one.dead) for one in later] == [(1, 0)] * 3 + [(0, 1), (0, 0)]
    assert tried[-4:] == [{pks[4]}] * 4
    row = WebhookEvent.objects.dead().get()
    assert (row.pk, row.tries, row.dead_at) == (pks[4], 5, NOW + timedelta(seconds=4))
    assert "ZeroDivisionError: a poison for" in row.error
    assert "9812345678" not in row.error
    assert StatusFeed.current().dead_letter_at == row.dead_at
    assert Alert.objects.get(rule="webhook_dead_letter").closed_at is None


def test_new_webhooks_are_applied_together_while_a_poison_is_tried_alone(monkeypatch):
    (poison,) = store(BODY)
    tried = make_applying_fail(monkeypatch, poison)
    inbox.drain(now=NOW)
    fresh = store(BODY + b" ", BODY + b"  ")
    tried.clear()

    inbox.drain(now=NOW)

    assert tried == [set(fresh), {poison}]


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"[" * 100_000, b'{"a":NaN}', b"\x00"])
def test_what_is_no_json_is_given_up_at_once(body):
    _, bad = store(BODY, body)

    assert inbox.drain(now=NOW) == inbox.DrainResult(applied=1, dead=1)
    row = WebhookEvent.objects.dead().get()
    assert (row.pk, row.tries, row.processed_at) == (bad, 1, None)
    assert row.error.startswith("Unreadable: ")
    assert StatusFeed.current().dead_letter_at == NOW


def test_what_the_database_itself_refuses_for_a_while_is_not_given_up_for_an_hour(monkeypatch):
    (pk,) = store(BODY)
    make_applying_fail(
        monkeypatch, pk, error=OperationalError("canceling statement due to lock timeout")
    )

    drained = [inbox.drain(now=NOW + timedelta(minutes=n)) for n in range(0, 60, 5)]

    assert [(one.failed, one.dead) for one in drained] == [(1, 0)] * 12
    assert inbox.drain(now=NOW + timedelta(minutes=60)).dead == 1


def test_dead_letters_are_applied_once_the_fault_is_mended(monkeypatch):
    _, attempts = in_flight(1, now=NOW)
    (poison,) = store(statuses(status("read", next(iter(attempts.values())), at=NOW)))
    with monkeypatch.context() as patch:
        make_applying_fail(patch, poison)
        for _ in range(5):
            inbox.drain(now=NOW)
    assert WebhookEvent.objects.dead().count() == 1

    assert dead_letters.reprocess([poison], now=NOW) == 1

    assert Alert.objects.get(rule="webhook_dead_letter").closed_at == NOW
    assert inbox.drain(now=NOW).applied == 1
    assert Delivery.objects.count_by_state() == {State.ACCEPTED: 1}


def test_only_the_dead_letters_that_were_named_are_tried_again():
    _, second = store(b"1", b"2")
    inbox.drain(now=NOW)

    assert dead_letters.reprocess([second, 10**9], now=NOW) == 1
    assert Alert.objects.get(rule="webhook_dead_letter").closed_at is None
    assert dead_letters.reprocess(now=NOW) == 1
    assert inbox.drain(now=NOW).dead == 2
