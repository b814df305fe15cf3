"""Webhooks that come at the same moment are stored together; each is answered after the commit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from threading import Event, Lock
from time import monotonic, sleep

import pytest
from django.db import OperationalError, connection, connections

from tests.webhooks.posts import notice
from webhooks.models import WebhookEvent
from webhooks.receiving import gathering
from webhooks.receiving import store as storing
from webhooks.receiving.gathering import Gatherer, TookTooLong
from webhooks.receiving.store import NotStored

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
BODIES = [notice("security", event=f"E{n}") for n in range(6)]


def when_all_wait(gatherer: Gatherer, number: int) -> None:
    end = monotonic() + 30
    while len(gatherer._waiting) < number:
        assert monotonic() < end
        sleep(0.001)


class Held:
    """Work whose first group waits until it may go on."""

    def __init__(self, work: Callable) -> None:
        self.work, self.groups, self.began, self.go_on = work, [], Event(), Event()

    def __call__(self, items):
        self.groups.append(len(items))
        if len(self.groups) == 1:
            self.began.set()
            assert self.go_on.wait(30)
        return self.work(items)


def together(gatherer: Gatherer, held: Held, one: Callable, others: list[Callable]) -> list[Future]:
    """All at the same moment: the others come while the first is at work."""
    with ThreadPoolExecutor(1 + len(others)) as pool:
        futures = [pool.submit(one)]
        assert held.began.wait(30)
        futures += [pool.submit(other) for other in others]
        when_all_wait(gatherer, len(others))
        held.go_on.set()
        [future.exception(timeout=60) for future in futures]
    return futures


def test_whoever_comes_meanwhile_is_done_together_and_fails_together():
    held = Held(lambda items: [10 // item for item in items])
    gatherer = Gatherer(held, limit=3, pause=0)
    items = [5, 2, 0, 1, 10]  # after the first: two groups, one of which fails

    jobs = [lambda n=n: gatherer.submit(n, seconds=60) for n in items]
    done = together(gatherer, held, lambda: gatherer.submit(1, seconds=60), jobs)

    assert held.groups == [1, 3, 2]
    outcomes = sorted(
        "failed" if isinstance(future.exception(), ZeroDivisionError) else str(future.result())
        for future in done
    )
    assert outcomes.count("failed") in (2, 3)  # those of the group with the 0
    assert gatherer.submit(5, seconds=60) == 2
    assert held.groups[-1] == 1


def test_a_crowd_waits_for_more_until_they_are_enough():
    held = Held(list)
    gatherer = Gatherer(held, limit=3, pause=60)
    with ThreadPoolExecutor(4) as pool:
        numbers = [pool.submit(gatherer.submit, 1, seconds=60)]
        assert held.began.wait(30)
        numbers += [pool.submit(gatherer.submit, number, seconds=60) for number in (2, 3)]
        when_all_wait(gatherer, 2)
        held.go_on.set()
        assert numbers[0].result(60) == 1
        numbers.append(pool.submit(gatherer.submit, 4, seconds=60))
        assert [number.result(60) for number in numbers] == [1, 2, 3, 4]

    assert held.groups == [1, 3]


def test_nobody_waits_for_others_longer_than_it_gave_them():
    held, results = Held(lambda items: items), []
    gatherer = Gatherer(held, limit=3, pause=0)

    def wait_long() -> None:
        results.append(gatherer.submit(3, seconds=60))

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(gatherer.submit, 1, seconds=0)  # its own work it does to the end
        assert held.began.wait(30)
        patient = pool.submit(wait_long)
        when_all_wait(gatherer, 1)
        with pytest.raises(TookTooLong):
            gatherer.submit(2, seconds=0.01)
        held.go_on.set()
        assert first.result(60) == 1
        patient.result(60)

    assert (held.groups, results) == ([1, 1], [3])  # the one that left is in no group


def test_who_leaves_while_its_group_is_at_work_hinders_nobody(monkeypatch):
    """The last of a group does the work; the others leave it no later than they would alone."""
    at_work, go_on = Event(), Event()

    def work(items):
        if len(items) == 2:
            at_work.set()
            assert go_on.wait(30)
        return items

    held = Held(work)
    gatherer = Gatherer(held, limit=3, pause=0)

    class Turn:
        """A lock; who waits for it for a second waits until its group is at work."""

        def __init__(self) -> None:
            lock = Lock()
            self.release = lock.release
            self._acquire = lock.acquire

        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
            return not at_work.wait(30) if timeout == 1 else self._acquire(blocking, timeout)

    monkeypatch.setattr(gathering, "Lock", Turn)
    with ThreadPoolExecutor(3) as pool:
        pool.submit(gatherer.submit, 1, seconds=60)
        assert held.began.wait(30)
        leaving = pool.submit(gatherer.submit, 2, seconds=1)
        when_all_wait(gatherer, 1)
        last = pool.submit(gatherer.submit, 3, seconds=60)
        when_all_wait(gatherer, 2)
        held.go_on.set()
        assert isinstance(leaving.exception(60), TookTooLong)
        go_on.set()
        assert last.result(60) == 3

    assert held.groups == [1, 2]
    assert gatherer.submit(4, seconds=0) == 4


@pytest.fixture
def gatherer(monkeypatch) -> tuple[Gatherer, Held]:
    held = Held(storing._store_all)
    gatherer = Gatherer(held, limit=storing.GROUP_LIMIT, pause=0)
    monkeypatch.setattr(storing._gatherer, "get", lambda: gatherer)
    monkeypatch.setattr(storing, "STORE_SECONDS", 60)
    return gatherer, held


def store(body: bytes, secret_no: int = 0) -> bool:
    try:
        return storing.store(body, secret_no, now=NOW)
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_a_group_is_one_statement_and_of_equal_bodies_one_is_new(gatherer):
    digest = sha256(BODIES[5]).hexdigest()
    WebhookEvent.objects.create(body=BODIES[5], digest=digest, secret_no=0, received_at=NOW)
    bodies = [*BODIES[1:5], BODIES[1], BODIES[5]]  # twice the same, and one of before

    done = together(*gatherer, lambda: store(BODIES[0]), [lambda b=b: store(b) for b in bodies])

    assert gatherer[1].groups == [1, 6]
    assert sum(future.result() for future in done) == 5
    assert {bytes(row.body) for row in WebhookEvent.objects.all()} == set(BODIES)


@pytest.mark.django_db(transaction=True)
def test_all_of_a_group_that_could_not_be_committed_are_told_so(gatherer, monkeypatch):
    really = storing._insert

    def insert(database, rows, seconds):
        if len(rows) > 1:
            raise OperationalError("the server closed the connection")
        return really(database, rows, seconds)

    monkeypatch.setattr(storing, "_insert", insert)
    done = together(*gatherer, lambda: store(BODIES[0]), [lambda b=b: store(b) for b in BODIES[1:]])

    assert done[0].result() is True
    assert all(isinstance(future.exception(), NotStored) for future in done[1:])
    assert WebhookEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_that_the_database_refuses_keeps_none_of_its_neighbours_back(gatherer):
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX odd ON webhooks_webhookevent (secret_no)")
    try:
        jobs = [lambda n=n: store(BODIES[n], n % 3) for n in range(1, 5)]
        done = together(*gatherer, lambda: store(BODIES[0]), jobs)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX odd")

    refused = [future for future in done if future.exception()]
    assert len(refused) == 2
    assert WebhookEvent.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_a_store_that_hangs_waits_no_longer_than_it_would_alone(
    gatherer, monkeypatch
):
    _, held = gatherer
    long = notice("security", event="x" * storing.GROUPED_BYTES)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(store, BODIES[0])
        assert held.began.wait(30)
        with monkeypatch.context() as patch:
            patch.setattr(storing, "STORE_SECONDS", 0.05)
            assert isinstance(pool.submit(store, BODIES[1]).exception(60), NotStored)
        assert pool.submit(store, long).result(60)  # alone: a group of them would take much memory
        held.go_on.set()
        assert first.result(60)

    assert held.groups == [1]
    assert WebhookEvent.objects.count() == 2
