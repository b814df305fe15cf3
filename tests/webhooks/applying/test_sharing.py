"""Several processes apply the inbox: each its share, none waiting for another's rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from threading import Event, get_ident

import pytest
from django.db import connections, transaction

from distribution.models import Delivery, Worker
from distribution.outcomes import status_reports
from tests.webhooks.posts import in_flight, notice, status, statuses, store
from webhooks.applying import bundles, inbox, sharing
from webhooks.applying.sharing import WHOLE, Share
from webhooks.models import ItemCount, WebhookEvent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("on_postgres")]
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
PEOPLE, WORDS = 40, ("sent", "delivered", "read")


def store_mixed(attempts: dict, *, at: datetime = NOW) -> list[int]:
    """Every status of everybody, seven a webhook in no order, so that both shares have some of
    each delivery."""
    items = [
        status(word, key, at=NOW, wamid=f"w{pk}") for pk, key in attempts.items() for word in WORDS
    ]
    Random(7).shuffle(items)
    return store(*(statuses(*items[start : start + 7]) for start in range(0, len(items), 7)), at=at)


def drain(index: int) -> inbox.DrainResult:
    try:
        return inbox.drain(now=NOW, share=Share(index, 2), include_deferred=False)
    finally:
        connections.close_all()


def test_two_processes_share_webhooks_and_hold_no_row_of_the_same_delivery(monkeypatch):
    _, attempts = in_flight(PEOPLE, now=NOW)
    number = len(store_mixed(attempts))
    really, first_holds, other_has = status_reports.apply_reports, Event(), Event()
    holds: dict[int, set[int]] = {}
    clashes = Counter()

    def apply_reports(reports, *, now):
        deliveries = {report.attempt.delivery_id for report in reports}
        for other in holds.values():
            clashes.update(deliveries & other)
        holds[get_ident()] = deliveries
        applied = really(reports, now=now)
        if not first_holds.is_set():  # its rows are locked until the commit
            first_holds.set()
            assert other_has.wait(30), "the other process waited for rows of this one"
        elif len(holds) == 2:
            other_has.set()
        del holds[get_ident()]
        return applied

    monkeypatch.setattr(status_reports, "apply_reports", apply_reports)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(drain, 0)
        assert first_holds.wait(30)
        drains = [pool.submit(drain, 1).result(timeout=60), one.result(timeout=60)]

    assert not clashes
    assert sum(result.applied for result in drains) == number
    assert min(result.applied for result in drains) >= number // 2 - 1
    assert not WebhookEvent.objects.pending().exists()
    assert set(Delivery.objects.values_list("state", "progress")) == {("ACCEPTED", 3)}
    counted = dict(ItemCount.objects.filter(left_out=False).values_list("name", "number"))
    assert counted == dict.fromkeys(WORDS, PEOPLE)


def test_what_a_dead_process_leaves_is_taken_over_after_three_seconds():
    _, attempts = in_flight(PEOPLE, now=NOW)
    number = len(store_mixed(attempts, at=NOW - timedelta(seconds=3)))
    assert 0 < drain(0).applied < number  # the other one may be about to apply its own

    WebhookEvent.objects.update(received_at=NOW - timedelta(seconds=3, milliseconds=1))
    drain(0)

    assert not WebhookEvent.objects.pending().exists()
    assert set(Delivery.objects.values_list("progress", flat=True)) == {3}


def test_webhooks_that_two_processes_take_at_once_lose_no_report(monkeypatch):
    _, attempts = in_flight(PEOPLE, now=NOW)
    store_mixed(attempts, at=NOW - timedelta(seconds=4))
    drain(1)  # its own; those of process 0 wait for so long that it takes them over below
    takes, first_holds, other_missed, other_ended = sharing.take_turn, Event(), Event(), Event()
    other: list[int] = []

    def take_turn(part):
        if get_ident() in other:
            if part == 0:  # after part 1, in which the first process held all webhooks
                other_missed.set()
        elif part == 1:
            assert other_ended.wait(30)
        return takes(part)

    def hold(place):
        if place == "apply" and get_ident() not in other:
            first_holds.set()
            assert other_missed.wait(30)

    def take_over():
        other.append(get_ident())
        drain(1)

    monkeypatch.setattr(sharing, "take_turn", take_turn)
    monkeypatch.setattr(bundles, "failpoint", hold)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(drain, 0)
        assert first_holds.wait(30)
        pool.submit(take_over).result(timeout=60)
        other_ended.set()
        one.result(timeout=60)

    assert not WebhookEvent.objects.pending().exists()
    assert set(Delivery.objects.values_list("progress", flat=True)) == {3}
    assert ItemCount.objects.get(name="read").number == PEOPLE


def test_a_webhook_that_is_held_elsewhere_while_it_is_applied_in_halves_loses_none(monkeypatch):
    _, attempts = in_flight(2, now=NOW)
    items = [status("read", key, at=NOW, wamid=f"w{pk}") for pk, key in attempts.items()]
    store(statuses(*items), at=NOW)
    really_lock, locks = bundles._lock, count(1)

    def lock(webhooks):
        if next(locks) != 4:  # all together, all its events, one half, the other half
            return really_lock(webhooks)
        with ThreadPoolExecutor(1) as pool, another_process_holds(pool):
            return really_lock(webhooks)

    monkeypatch.setattr(bundles, "_lock", lock)
    fails = iter((True, True))
    monkeypatch.setattr(bundles, "failpoint", lambda _: 1 / 0 if next(fails, False) else None)
    inbox.drain(now=NOW)
    assert WebhookEvent.objects.pending().exists()
    inbox.drain(now=NOW)

    assert not WebhookEvent.objects.pending().exists()
    assert set(Delivery.objects.values_list("progress", flat=True)) == {3}


@contextmanager
def another_process_holds(pool: ThreadPoolExecutor) -> Iterator[None]:
    """All webhooks, as a drain does that then fails."""
    held, leave = Event(), Event()

    def hold():
        with transaction.atomic():
            assert list(WebhookEvent.objects.select_for_update())
            held.set()
            assert leave.wait(30)
        connections.close_all()

    holding = pool.submit(hold)
    assert held.wait(30)
    try:
        yield
    finally:
        leave.set()
        holding.result(timeout=30)


def test_a_part_that_fails_is_applied_with_its_neighbours_as_by_a_single_process(monkeypatch):
    _, attempts = in_flight(PEOPLE, now=NOW)
    number = len(store_mixed(attempts))
    monkeypatch.setattr(sharing, "take_turn", lambda _: 1 / 0)

    assert inbox.drain(now=NOW, share=Share(0, 2)).applied + drain(1).applied == number
    assert set(Delivery.objects.values_list("progress", flat=True)) == {3}


def test_what_is_left_out_is_counted_once():
    store(*(notice("dreams", told=n) for n in range(4)), at=NOW)

    assert drain(0).applied == drain(1).applied == 2
    assert ItemCount.objects.get(name="dreams").number == 4


def test_those_that_serve_the_queue_now_share_it():
    for name, queues, age in (("a", ["webhooks"], 1), ("b", ["x", "webhooks"], 9), ("c", ["x"], 1)):
        Worker.objects.create(
            name=name, queues=queues, concurrency=1, at=NOW - timedelta(seconds=age)
        )
    Worker.objects.create(
        name="0", queues=["webhooks"], concurrency=1, at=NOW - timedelta(minutes=1)
    )

    assert [sharing.share_of(name, NOW) for name in "ab"] == [Share(0, 2), Share(1, 2)]
    assert sharing.share_of("c", NOW) == sharing.share_of("", NOW) == WHOLE
