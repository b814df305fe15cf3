"""Links are appended in the order of the ids, whatever the order of the commits."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from config.management.commands import keeper as keeper_command
from evidence import erasing, linking, verifying
from evidence.linking import Linker, link_all
from evidence.models import ChainHead, ChainLink, ChainSalt
from subscribers.models import ConsentEvent
from tests.builders import a_subscriber
from tests.subscribers.moments import NOW

pytestmark = pytest.mark.django_db
INSERT = """
INSERT INTO subscribers_consentevent
    (subscriber_id, kind, source, evidence, notice, actor, at, recorded_at)
VALUES (%s, 'OPT_IN', %s, '', '', '', now(), now())
"""


def some_events(count: int) -> None:
    subscriber = a_subscriber()
    ConsentEvent.objects.bulk_create(
        ConsentEvent(subscriber=subscriber, kind="OPT_IN", source=f"test {n}", at=NOW)
        for n in range(count)
    )


def linked() -> list[int]:
    return list(ChainLink.objects.order_by("pk").values_list("row_id", flat=True))


def ids() -> list[int]:
    return list(ConsentEvent.objects.order_by("pk").values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on_postgres")
def test_a_row_that_is_committed_late_keeps_its_place():
    subscriber, linker = a_subscriber(), Linker()
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(INSERT, [subscriber.pk, "late"])  # has the lower id
        some_events(1)
        assert linker.link() == 0
        assert linker.link() == 0

        other.commit()
        some_events(1)
        assert linker.link() == 3
    finally:
        other.close()

    assert linked() == ids()
    assert not any(report.findings for report in verifying.verify())


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on_postgres")
def test_a_table_that_is_written_all_the_time_is_linked_all_the_same():
    subscriber, linker = a_subscriber(), Linker()
    others = [connection.copy() for _ in range(4)]
    done = []
    try:
        for other in others:  # each begins before the one before it has ended
            other.set_autocommit(False)
            with other.cursor() as cursor:
                cursor.execute(INSERT, [subscriber.pk, f"writer {id(other)}"])
            if other is not others[0]:
                others[others.index(other) - 1].commit()
            done.append(linker.link())
        others[-1].commit()
    finally:
        for other in others:
            other.close()

    assert done == [0, 0, 1, 1]  # each time what was committed before the last look
    assert (link_all(), linked()) == (2, ids())


def test_long_backlogs_are_linked_in_bounded_rounds(monkeypatch):
    monkeypatch.setattr(linking, "BATCH_ROWS", 3)
    monkeypatch.setattr(linking, "BATCHES_LIMIT", 2)
    some_events(14)
    linker = Linker()

    assert [linker.link() for _ in range(4)] == [6, 6, 2, 0]
    assert linked() == ids()
    assert ChainHead.objects.get().links == 14


def test_ids_that_are_far_apart_are_linked_in_their_order(monkeypatch):
    """Ids are given out to rows that are rolled back, too."""
    monkeypatch.setattr(linking, "BATCH_ROWS", 3)
    monkeypatch.setattr(linking, "NEAR", 4)
    subscriber = a_subscriber()
    start = 1_000_000  # above those that the sequence gives out
    apart = [start + more for more in (1, 2, 3, 4, 6, 900, 901, 5_000)]
    ConsentEvent.objects.bulk_create(
        ConsentEvent(pk=pk, subscriber=subscriber, kind="OPT_IN", source=f"test {pk}", at=NOW)
        for pk in apart
    )

    assert link_all() == len(apart)
    assert linked() == apart == ids()
    assert not any(report.findings for report in verifying.verify())


def test_statements_grow_with_the_batches_and_not_with_the_rows():
    some_events(1)
    link_all()
    counts = []
    for rows in (10, 100):
        some_events(rows)
        with CaptureQueriesContext(connection) as queries:
            Linker().link()
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_without_news_a_round_is_two_statements(django_assert_num_queries):
    some_events(3)
    link_all()

    with django_assert_num_queries(2):
        assert Linker().link() == 0


def test_two_keepers_link_each_row_once():
    some_events(5)
    first, second = Linker(), Linker()

    assert (first.link(), second.link()) == (5, 0)
    assert linked() == ids()


def test_what_broke_off_is_linked_by_the_next_round(monkeypatch):
    some_events(2)

    store = linking._store

    def fail(*links: Any) -> None:
        store(*links)
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(linking, "_store", fail)
        with pytest.raises(RuntimeError), transaction.atomic():
            Linker().link()
    assert linked() == []

    assert link_all() == 2


@pytest.mark.django_db(transaction=True)
def test_the_keepers_command_links_in_a_thread_of_its_own():
    some_events(2)

    keeper_command.actions().chain_evidence().join()

    assert linked() == ids()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on_postgres")
def test_somebody_who_is_erased_while_their_rows_are_chained_leaves_a_whole_chain(monkeypatch):
    """Erasing waits for the batch that has read the old value, and removes its salt, too."""
    some_events(1)
    event = ConsentEvent.objects.get()
    append, began, erased = linking._append, threading.Event(), threading.Event()

    def erase() -> None:
        began.wait(10)
        erasing.erase("subscribers.ConsentEvent", [event.pk])
        erased.set()
        connection.close()

    def slowly(*arguments: Any) -> None:
        began.set()
        assert not erased.wait(0.3)
        append(*arguments)

    monkeypatch.setattr(linking, "_append", slowly)
    eraser = threading.Thread(target=erase)
    eraser.start()
    assert Linker().link() == 1
    eraser.join(10)

    assert ConsentEvent.objects.get().source == f"erased:{event.pk}"
    assert bytes(ChainSalt.objects.get().values) == bytes(len(ChainSalt.objects.get().values))
    assert not any(report.findings for report in verifying.verify())
