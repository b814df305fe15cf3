from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier, Event

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from distribution.ledger.partitions import keys
from distribution.models import Delivery, State, StatusFeed
from tests.webhooks import posts
from tests.webhooks.posts import (
    apply,
    in_flight,
    make_applying_fail,
    notice,
    pool_number,
    status,
    statuses,
    text_message,
)
from webhooks.applying import bundles, handlers, inbox
from webhooks.models import WebhookEvent
from webhooks.receiving import store as storing

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
BODY = notice("security", NOW, event="PIN_CHANGED")
store = partial(posts.store, at=NOW)
pytestmark = pytest.mark.django_db


# --- storing ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_postgres")
def test_bodies_are_compressed_by_lz4_where_postgresql_has_it():
    has_it = "SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = %s"
    used = "SELECT pg_column_compression(body) FROM webhooks_webhookevent"
    store(statuses(*({"id": f"wamid.{n}", "status": "sent"} for n in range(200))))
    with connection.cursor() as cursor:
        cursor.execute(has_it, ["default_toast_compression"])
        wanted = "lz4" if cursor.fetchone()[0] else "pglz"
        cursor.execute(used)
        assert cursor.fetchone()[0] == wanted


def test_a_body_is_stored_once_whoever_signed_it():
    assert storing.store(BODY, 0, now=NOW) is True
    assert storing.store(BODY, 1, now=NOW) is False
    assert WebhookEvent.objects.get().secret_no == 0


def test_bodies_that_differ_in_one_byte_are_two():
    store(BODY, BODY + b" ")

    assert WebhookEvent.objects.count() == 2


# --- draining -----------------------------------------------------------------------------------


def test_what_is_stored_is_applied_and_marked():
    _, attempts = in_flight(2, now=NOW)
    items = [status("sent", key, at=NOW, wamid=f"w{pk}") for pk, key in attempts.items()]
    store(*(statuses(item) for item in items))

    drained = inbox.drain(now=NOW)

    assert drained == inbox.DrainResult(applied=2)
    assert Delivery.objects.count_by_state() == {State.ACCEPTED: 2}
    rows = WebhookEvent.objects.values_list("processed_at", "tries", "error", "unmatched")
    assert list(rows) == [(NOW, 0, "", 0)] * 2


def test_an_empty_inbox_is_drained_too():
    assert inbox.drain(now=NOW) == inbox.DrainResult()


def test_draining_twice_changes_nothing_more():
    _, attempts = in_flight(1, now=NOW)
    (pk, key), *_ = attempts.items()
    store(statuses(status("delivered", key, at=NOW)))
    inbox.drain(now=NOW)
    before = Delivery.objects.values().get(pk=pk)

    assert inbox.drain(now=NOW) == inbox.DrainResult()
    WebhookEvent.objects.update(processed_at=None)
    assert inbox.drain(now=NOW + timedelta(seconds=9)).applied == 1
    assert Delivery.objects.values().get(pk=pk) == before


def test_bundles_follow_each_other_until_nothing_is_left():
    store(*(BODY.ljust(len(BODY) + place) for place in range(25)))

    assert inbox.drain(now=NOW, limit=10) == inbox.DrainResult(applied=25)


def test_a_bundle_holds_no_more_bytes_than_it_may(monkeypatch):
    monkeypatch.setattr(inbox, "BUNDLE_BYTES_LIMIT", 1000)
    tried = make_applying_fail(monkeypatch)
    pks = store(*(BODY.ljust(size) for size in (600, 300, 301, 5000, 200)))

    assert inbox.drain(now=NOW).applied == 5
    assert tried == [{pks[0], pks[1]}, {pks[2]}, {pks[3]}, {pks[4]}]


def test_when_the_time_is_over_the_rest_is_left_and_said_so():
    store(BODY)

    assert inbox.drain(now=NOW, seconds=-1) == inbox.DrainResult(more=True)
    assert WebhookEvent.objects.pending().count() == 1


def test_a_full_bundle_needs_a_tenth_of_a_statement_a_status(monkeypatch):
    _, attempts = in_flight(250, now=NOW)
    for word in ("sent", "delivered"):
        items = [status(word, key, at=NOW, wamid=f"w{pk}") for pk, key in attempts.items()]
        store(*map(statuses, items))
    monkeypatch.setattr(keys._Recent, "until", 0.0)  # an earlier test may have asked
    keys.recent(NOW)  # in partitions asked once a minute

    with CaptureQueriesContext(connection) as asked:
        assert inbox.drain(now=NOW, limit=1000).applied == 500

    assert len(asked) <= 26  # 0.05 a status, savepoints included


def test_what_we_do_not_use_is_counted_in_its_row():
    pool_number()
    nobody = status("sent", "daybreak:999999.1.a", at=NOW, wamid="w1")
    foreign = status("sent", at=NOW, wamid="w2")
    pks = store(
        statuses(nobody, {}, status("dreamt", at=NOW)), statuses(foreign, foreign, number="777")
    )

    inbox.drain(now=NOW)

    rows = WebhookEvent.objects.order_by("pk").values_list("pk", "unmatched", "skipped", "parked")
    assert list(rows) == [(pks[0], 1, 2, 0), (pks[1], 0, 0, 2)]


# --- how far Meta has been heard ----------------------------------------------------------------


def test_the_feed_moves_up_to_just_before_the_drain():
    store(BODY)

    inbox.drain(now=NOW)

    assert StatusFeed.current().applied_through == NOW - timedelta(seconds=10)


def test_the_feed_stands_still_while_something_older_waits(monkeypatch):
    (poison,) = store(BODY, at=NOW - timedelta(minutes=1))
    make_applying_fail(monkeypatch, poison)

    assert inbox.drain(now=NOW).failed == 1
    assert StatusFeed.current().applied_through is None


# --- statuses that overtake the answer ----------------------------------------------------------


def test_a_status_without_our_attempt_id_is_looked_at_again_until_its_message_is_known():
    _, attempts = in_flight(1, now=NOW)
    (pk,) = attempts
    apply(statuses(status("delivered", at=NOW, wamid="wamid.late")), now=NOW)
    row = WebhookEvent.objects.get()
    assert (row.unmatched, row.again_at) == (1, NOW + timedelta(seconds=5))
    Delivery.objects.filter(pk=pk).update(state="ACCEPTED", wamid="wamid.late", accepted_at=NOW)

    assert inbox.drain(now=NOW + timedelta(seconds=4)).applied == 0
    # Though new ones take all of the time.
    assert inbox.drain(now=NOW + timedelta(seconds=5), seconds=-1).applied == 1

    assert Delivery.objects.get(pk=pk).progress == 2
    row.refresh_from_db()
    assert (row.unmatched, row.again_at, row.processed_at) == (0, None, NOW)


def test_what_stays_unknown_is_looked_at_ever_more_rarely_for_a_day():
    pool_number()
    apply(statuses(status("sent", at=NOW, wamid="wamid.not.ours")), now=NOW)
    looks, at = 0, NOW
    while (again := WebhookEvent.objects.get().again_at) is not None:
        assert again > at
        at, looks = again, looks + 1
        assert inbox.drain(now=at).applied == 1

    assert 10 <= looks <= 20
    assert timedelta(days=1) < at - NOW < timedelta(days=2)
    assert WebhookEvent.objects.get().unmatched == 1


def test_another_databases_attempt_is_not_looked_for_again():
    pool_number()
    apply(statuses(status("sent", "daybreak:999999.1.a", at=NOW)), now=NOW)

    assert WebhookEvent.objects.get().again_at is None


# --- cleaning up --------------------------------------------------------------------------------


def test_old_bodies_that_were_applied_are_deleted_and_others_stay():
    old = NOW - timedelta(days=91)
    for place in range(5):
        store(BODY.ljust(250 + place), at=old)
    dead, *_ = store(b"no json", at=old)
    inbox.drain(now=old)
    (waiting,) = store(BODY.ljust(300), at=old)
    (young,) = store(BODY.ljust(301), at=NOW)
    WebhookEvent.objects.filter(pk=young).update(processed_at=NOW)

    assert inbox.prune(NOW - timedelta(days=90), chunk=2) == 5
    left = set(WebhookEvent.objects.values_list("pk", flat=True))
    assert left == {dead, waiting, young}
    assert inbox.prune(NOW - timedelta(days=90), chunk=2) == 0


# --- at once ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_drains_at_once_apply_everything_once():
    _, attempts = in_flight(60, now=NOW)
    for word in ("sent", "delivered", "read"):
        items = [status(word, key, at=NOW, wamid=f"w{pk}") for pk, key in attempts.items()]
        store(*map(statuses, items))
    start = Barrier(2)

    def drain() -> inbox.DrainResult:
        start.wait()
        try:
            return inbox.drain(now=NOW, limit=20)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        drains = [one.result(timeout=60) for one in [pool.submit(drain), pool.submit(drain)]]

    left = inbox.drain(now=NOW).applied  # what one passed over because the other held it
    assert sum(one.applied for one in drains) + left == 180
    assert [one.failed + one.dead for one in drains] == [0, 0]
    assert set(Delivery.objects.values_list("state", "progress")) == {("ACCEPTED", 3)}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("again", [False, True])
def test_what_another_drain_applied_since_it_was_read_is_not_applied_again(monkeypatch, again):
    pool_number()
    (pk,) = store(statuses(status("sent", at=NOW, wamid="wamid.unknown")))
    if again:
        assert inbox.drain(now=NOW).applied == 1
    later = NOW + timedelta(seconds=10)
    really, others = bundles.apply, []

    def after_somebody_else(letters, *rest):
        if letters and not others:
            others.append(None)
            others.append(inbox.drain(now=later))
        really(letters, *rest)

    monkeypatch.setattr(bundles, "apply", after_somebody_else)

    assert inbox.drain(now=later).applied == 0
    assert others[1].applied == 1
    assert pk


@pytest.mark.django_db(transaction=True)
def test_a_webhook_that_is_being_applied_is_passed_over_not_waited_for(on_postgres, monkeypatch):
    held, free = store(BODY, BODY + b" ")
    applying, go_on = Event(), Event()
    really = handlers.apply

    def slow(webhooks, *, now):
        if held in webhooks:
            applying.set()
            assert go_on.wait(30)
        return really(webhooks, now=now)

    monkeypatch.setattr(handlers, "apply", slow)

    def drain() -> inbox.DrainResult:
        try:
            return inbox.drain(now=NOW, limit=1)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        theirs = pool.submit(drain)
        assert applying.wait(30)
        ours = inbox.drain(now=NOW, limit=1)
        go_on.set()

        assert ours.applied == 1
        assert theirs.result(timeout=60).applied == 1
    assert not WebhookEvent.objects.pending().exists()
    assert free


@pytest.mark.django_db(transaction=True)
def test_storing_goes_on_while_a_drain_is_at_work():
    """On SQLite there is one pen: a writer waits some milliseconds for it, and no error."""
    pool_number()
    store(*(text_message("+919800000000", f"hello {n}", at=NOW) for n in range(300)))
    start = Barrier(2)

    def drain() -> inbox.DrainResult:
        start.wait()
        try:
            return inbox.drain(now=NOW, limit=50)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        drained = pool.submit(drain)
        start.wait()
        for n in range(100):
            assert storing.store(BODY.ljust(1000 + n), 0, now=NOW)
        assert drained.result(timeout=60).applied >= 300
    inbox.drain(now=NOW)
    assert WebhookEvent.objects.exclude(processed_at=None).count() == 400
