"""Consent: whatever comes twice, late or out of order, the latest decision holds."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations

import pytest
from django.db import connection, connections, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.consent import decisions as consent
from subscribers.consent.decisions import Decision, Kind
from subscribers.models import ConsentEvent, Subscriber
from tests.builders import a_subscriber
from tests.subscribers.decide import opt_in, opt_out, pause, resume
from tests.subscribers.moments import NOW, minute, statuses

pytestmark = pytest.mark.django_db


def test_an_opt_out_is_kept_with_its_evidence():
    subscriber = a_subscriber()

    changed = opt_out(subscriber, source="whatsapp:STOP", evidence="wamid.1", at=minute(1), now=NOW)

    assert changed is True
    assert statuses() == ["UNSUBSCRIBED"]
    subscriber.refresh_from_db()
    assert subscriber.updated_at == NOW
    event = ConsentEvent.objects.get()
    assert (event.kind, event.source, event.evidence) == ("OPT_OUT", "whatsapp:STOP", "wamid.1")
    assert (event.subscriber, event.at, event.recorded_at) == (subscriber, minute(1), NOW)


def test_an_opt_in_keeps_the_words_that_were_agreed_to():
    subscriber = a_subscriber(status="UNSUBSCRIBED")

    opt_in(subscriber, source="form", notice="Daily news", actor="asha", at=minute(1), now=NOW)

    event = ConsentEvent.objects.get()
    assert (event.kind, event.notice, event.actor) == ("OPT_IN", "Daily news", "asha")
    assert statuses() == ["ACTIVE"]


def test_a_decision_about_nobody_changes_nothing():
    decision = Decision(4711, Kind.OPT_OUT, "whatsapp:STOP", NOW)

    assert consent.record([decision], now=NOW) == set()
    assert ConsentEvent.objects.count() == 0


def test_a_replayed_webhook_leaves_one_event_and_no_second_change():
    subscriber = a_subscriber()
    stop = {"source": "whatsapp:STOP", "evidence": "wamid.1", "at": minute(1), "now": NOW}

    assert opt_out(subscriber, **stop) is True
    assert opt_out(subscriber, **stop) is False
    assert opt_in(subscriber, source="whatsapp:START", at=minute(2), now=NOW) is True
    assert opt_out(subscriber, **stop) is False

    assert statuses() == ["ACTIVE"]
    assert ConsentEvent.objects.count() == 2


def test_a_replayed_pause_does_not_undo_a_resume():
    subscriber = a_subscriber()
    hold = {"source": "admin:asha", "at": minute(1), "now": NOW}
    pause(subscriber, **hold)
    resume(subscriber, source="admin:asha", at=minute(2), now=NOW)

    assert pause(subscriber, **hold) is False
    assert statuses() == ["ACTIVE"]


def test_a_start_older_than_the_stop_does_not_resubscribe_when_it_comes_last():
    subscriber = a_subscriber()
    opt_out(subscriber, source="whatsapp:STOP", evidence="2", at=minute(2), now=NOW)

    assert not opt_in(subscriber, source="whatsapp:START", evidence="1", at=minute(1), now=NOW)
    assert statuses() == ["UNSUBSCRIBED"]
    assert ConsentEvent.objects.count() == 2


def test_of_two_in_the_same_second_the_stop_holds():
    subscriber = a_subscriber()
    second = minute(1)

    opt_out(subscriber, source="whatsapp:STOP", at=second, now=NOW)
    opt_in(subscriber, source="admin:asha", at=second + timedelta(milliseconds=900), now=NOW)

    assert statuses() == ["UNSUBSCRIBED"]


def test_a_clock_that_runs_ahead_does_not_outrank_the_next_stop():
    subscriber = a_subscriber(status="UNSUBSCRIBED")
    opt_in(subscriber, source="w", at=NOW + timedelta(days=1), now=NOW)

    later = NOW + timedelta(minutes=1)
    opt_out(subscriber, source="w", at=later, now=later)

    assert statuses() == ["UNSUBSCRIBED"]


@pytest.mark.parametrize(
    ("before", "kind", "after"),
    [
        ("ACTIVE", Kind.OPT_OUT, "UNSUBSCRIBED"),
        ("ACTIVE", Kind.PAUSE, "PAUSED"),
        ("ACTIVE", Kind.RESUME, "ACTIVE"),
        ("ACTIVE", Kind.OPT_IN, "ACTIVE"),
        ("PAUSED", Kind.OPT_OUT, "UNSUBSCRIBED"),
        ("PAUSED", Kind.RESUME, "ACTIVE"),
        ("PAUSED", Kind.OPT_IN, "ACTIVE"),
        ("INVALID", Kind.OPT_OUT, "UNSUBSCRIBED"),
        ("INVALID", Kind.RESUME, "ACTIVE"),
        ("INVALID", Kind.OPT_IN, "ACTIVE"),
        ("UNSUBSCRIBED", Kind.OPT_IN, "ACTIVE"),
        ("UNSUBSCRIBED", Kind.RESUME, "UNSUBSCRIBED"),
        ("UNSUBSCRIBED", Kind.PAUSE, "UNSUBSCRIBED"),
        ("UNSUBSCRIBED", Kind.OPT_OUT, "UNSUBSCRIBED"),
    ],
)
def test_each_decision_does_to_each_status_what_it_says(before, kind, after):
    subscriber = a_subscriber(status=before)

    changed = consent.record([Decision(subscriber.pk, kind, "test", minute(1))], now=NOW)

    assert statuses() == [after]
    assert changed == ({subscriber.pk} if before != after else set())


def test_opt_outs_and_opt_ins_in_every_order_end_the_same():
    said = [(Kind.OPT_OUT, 1), (Kind.OPT_IN, 2), (Kind.OPT_OUT, 3), (Kind.OPT_IN, 3)]

    for order in permutations(said):
        subscriber = a_subscriber()
        for kind, at in order:
            decision = Decision(subscriber.pk, kind, "w", minute(at), f"{kind}{at}")
            consent.record([decision], now=NOW)

    assert statuses() == ["UNSUBSCRIBED"] * 24


events = st.lists(
    st.tuples(st.sampled_from(list(Kind)), st.integers(0, 5), st.booleans()), max_size=7
)


@settings(max_examples=60, deadline=None)
@given(events, st.sampled_from(["ACTIVE", "PAUSED", "INVALID", "UNSUBSCRIBED"]), st.randoms())
def test_any_events_in_any_order_split_or_repeated_end_the_same(said, before, random):
    decisions = [
        (kind, minute(at), f"wamid.{number}" if named else "")
        for number, (kind, at, named) in enumerate(said)
    ]
    shuffled = decisions * 2
    random.shuffle(shuffled)
    with transaction.atomic():
        one, other = a_subscriber(status=before), a_subscriber(status=before)
        consent.record([Decision(one.pk, k, "w", at, ev) for k, at, ev in decisions], now=NOW)
        for kind, at, evidence in shuffled:
            consent.record([Decision(other.pk, kind, "w", at, evidence)], now=NOW)
        first, second = (Subscriber.objects.get(pk=pk).status for pk in (one.pk, other.pk))
        transaction.set_rollback(True)

    assert first == second


def start_in_another_process(pk):
    try:
        return consent.record([Decision(pk, Kind.OPT_IN, "w", minute(1), "start")], now=NOW)
    finally:
        connections.close_all()


def wait_until_somebody_waits_for_a_lock():
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() != (0,):
                return
    pytest.fail("nobody waits")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on_postgres")  # SQLite has one writer at a time by itself
def test_a_start_that_waits_for_a_newer_stop_sees_it_and_changes_nothing():
    subscriber = a_subscriber(status="UNSUBSCRIBED")

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            opt_out(subscriber, source="w", evidence="stop", at=minute(2), now=NOW)
            waiting = other.submit(start_in_another_process, subscriber.pk)
            wait_until_somebody_waits_for_a_lock()
        assert waiting.result(timeout=60) == set()

    assert statuses() == ["UNSUBSCRIBED"]
