"""The undo of an import beside an opening, another import and a second worker; its statements."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from distribution.lifecycle import audience_limit
from distribution.models import Delivery
from subscribers.importing import provenance, undo, undo_rules
from subscribers.models import ImportUndo, Subscriber
from tests.builders import an_open_distribution
from tests.subscribers.importing.test_undo import imported, phones

PATIENCE_SECONDS = 30.0


def a_list(people: int) -> str:
    return "phone,name\n" + "".join(f"98{n:08},P\n" for n in range(people))


def asked_for(people: int) -> ImportUndo:
    now = timezone.now()
    return undo.request(imported(a_list(people), at=now), reason="wrong", by="esha", now=now)


def in_another_thread(pool, act):
    def acting():
        try:
            return act()
        finally:
            connections.close_all()

    return pool.submit(acting)


def wait_for_a_waiting_lock() -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on_postgres")
def test_nobody_is_removed_while_a_distribution_freezes_its_audience(monkeypatch):
    asked = asked_for(5)
    room, seen = audience_limit.room, []

    def undo_meanwhile(*facts, now):
        with ThreadPoolExecutor(1) as pool:
            run = in_another_thread(pool, lambda: undo.run(asked.pk, clock=timezone.now))
            seen.append(run.result(PATIENCE_SECONDS))
        return room(*facts, now=now)

    monkeypatch.setattr(audience_limit, "room", undo_meanwhile)
    distribution = an_open_distribution()

    assert (seen, distribution.recipients) == ([False], 5)
    assert undo.waiting(timezone.now()) == [asked.pk]
    assert undo.run(asked.pk, clock=timezone.now)
    asked.refresh_from_db()
    assert (asked.removed, asked.kept) == (0, {"messaged": 5})
    assert Subscriber.objects.eligible().count() == 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on_postgres")
def test_a_distribution_that_opens_while_people_are_removed_does_not_write_to_them(monkeypatch):
    asked = asked_for(5)
    remove, opened = undo._remove, []
    with ThreadPoolExecutor(1) as pool:

        def open_meanwhile(ids, row, now):
            remove(ids, row, now)
            opened.append(in_another_thread(pool, an_open_distribution))
            wait_for_a_waiting_lock()

        monkeypatch.setattr(undo, "_remove", open_meanwhile)
        is_done = undo.run(asked.pk, clock=timezone.now)  # unless the opening is first by now
        assert opened[0].result(PATIENCE_SECONDS).recipients == 0
    assert is_done or undo.run(asked.pk, clock=timezone.now)

    asked.refresh_from_db()
    assert (asked.removed, asked.kept) == (5, {})
    assert not Delivery.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on_postgres")
def test_whom_another_import_names_in_the_same_moment_stays(monkeypatch):
    """The import has its rows locked; the undo waits for it and then asks who is named."""
    asked, named = asked_for(5), Event()
    record = provenance.record

    def record_and_stay(*arguments, **options):
        record(*arguments, **options)
        named.set()
        wait_for_a_waiting_lock()

    monkeypatch.setattr(provenance, "record", record_and_stay)
    with ThreadPoolExecutor(1) as pool:
        other = in_another_thread(
            pool, lambda: imported(a_list(4), "july.csv", at=timezone.now()).counts["unchanged"]
        )
        assert named.wait(PATIENCE_SECONDS)
        assert undo.run(asked.pk, clock=timezone.now)
        assert other.result(PATIENCE_SECONDS) == 4

    asked.refresh_from_db()
    assert (asked.removed, asked.kept) == (1, {"named": 4})
    assert len(phones()) == 4


@pytest.mark.django_db
def test_an_undo_that_another_process_took_over_writes_nothing_more(monkeypatch):
    asked = asked_for(3)
    facts = undo._next_facts

    def taken_over(row, now):
        found = facts(row, now)
        ImportUndo.objects.filter(pk=row.pk).update(runner="another")
        return found

    monkeypatch.setattr(undo, "_next_facts", taken_over)
    assert not undo.run(asked.pk, clock=timezone.now)

    assert len(phones()) == 3


@pytest.mark.django_db
def test_each_batch_is_one_transaction_of_as_many_statements_however_long_the_list(monkeypatch):
    """So 100,000 people take 200 batches, and whoever waits for a row waits for one of them."""
    monkeypatch.setattr(undo, "ROWS_TOGETHER", 100)
    statements = []
    for people in (100, 500):
        asked = asked_for(people)
        with CaptureQueriesContext(connection) as queries:
            assert undo.run(asked.pk, clock=timezone.now)
        statements.append(len(queries))

    per_batch = (statements[1] - statements[0]) / 4
    assert per_batch <= 16  # savepoints among them
    assert phones() == []


@pytest.mark.django_db
@pytest.mark.parametrize("people", [25, 250])
def test_the_preview_is_counted_by_the_database_however_long_the_list(people):
    job = imported(a_list(people))

    with CaptureQueriesContext(connection) as queries:
        preview = undo_rules.preview(job)

    assert (preview.removed, len(preview.first.rows)) == (people, undo_rules.SHOWN_LIMIT)
    assert len(queries) == 2
