"""A database that does not answer takes a few threads from a web process, and never all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests

from config.processes.programs import WEB_THREADS
from config.web import few_waiting
from distribution.runtime.places import Full, Places, at_most
from tests.faults.proxy import Proxy
from tests.processes import own_database
from tests.webhooks.posts import notice
from tests.webhooks.receiving.test_deadline import locked_inbox
from tests.webhooks.receiving.test_http import head, linked, post, status_of
from tests.webhooks.receiving.test_receiver_process import RECEIVER
from webhooks.models import WebhookEvent
from webhooks.receiving.places import LIMIT
from webhooks.receiving.store import NotStored

PLACES, LONG = LIMIT.places, LIMIT.long_seconds


@pytest.mark.parametrize(
    ("ages", "is_silent", "patience"),  # None: it may begin
    [
        ([], False, None),
        ([9.0] * (PLACES - 1), False, None),  # two threads are still free
        ([0.0] * PLACES, False, LONG),
        ([0.0] * (PLACES - 1) + [LONG / 2], False, LONG / 2),  # an ordinary crowd: some ms
        ([0.0] * (PLACES - 1) + [LONG], False, 0.0),
        ([9.0] * PLACES, False, 0.0),
        ([], True, None),  # somebody has to ask whether it answers again
        ([0.0], True, 0.0),
        ([9.0] * PLACES, True, 0.0),
    ],
)
def test_one_more_begins_waits_or_is_refused(ages, is_silent, patience):
    began = [100.0 - age for age in ages]

    assert LIMIT.has_place(began, is_silent=is_silent) == (patience is None)
    if patience is not None:
        assert LIMIT.patience(began, is_silent=is_silent, now=100.0) == patience


def test_two_threads_are_left_to_others(settings):
    assert settings.WEB_THREADS == WEB_THREADS  # what a server has that does not say
    assert few_waiting.LIMIT.places == PLACES == WEB_THREADS - 2
    for threads, places in ((32, 30), (3, 1), (1, 1)):
        settings.WEB_THREADS = threads
        assert at_most() == places


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def places(clock: Clock) -> Places:
    return Places(LIMIT, clock)


def outcome(places: Places, clock: Clock, *, takes: float = 0.0, fails: bool = False) -> str:
    try:
        with places.take():
            clock.now += takes
            if fails:
                raise NotStored
    except (Full, NotStored) as error:
        return type(error).__name__
    return "stored"


def test_once_it_was_silent_it_is_asked_by_one_at_a_time_until_it_answers(places, clock):
    with ExitStack() as holders:
        for _ in range(PLACES):
            holders.enter_context(places.take())
        clock.now += LONG
        assert outcome(places, clock) == "Full"
    assert outcome(places, clock, fails=True) == "NotStored"  # but at once: it answers
    with places.take():
        assert outcome(places, clock, takes=LONG) == "stored"  # slow, but it answers
        assert outcome(places, clock) == "stored"

    for _ in range(2):
        assert outcome(places, clock, takes=LONG, fails=True) == "NotStored"
        with places.take():  # the only one, and this one is answered
            assert outcome(places, clock) == "Full"
        with places.take():
            assert outcome(places, clock) == "stored"


def test_a_crowd_waits_for_its_turn_and_nobody_is_refused(places, clock):
    """No time passes, so those who find all places taken wait until one is free."""
    with ThreadPoolExecutor(4 * PLACES) as pool:
        with ExitStack() as holders:
            for _ in range(PLACES):
                holders.enter_context(places.take())
            crowd = [pool.submit(outcome, places, clock) for _ in range(4 * PLACES)]
        assert {one.result(60) for one in crowd} == {"stored"}


def refuse_all_and_lose_none(port: int, threads: int, held: AbstractContextManager[object]) -> None:
    """Webhooks, more than there are threads, come while the database is held."""
    page = f"http://127.0.0.1:{port}"
    bodies = [notice("security", event=f"E{place}") for place in range(5 * threads)]
    assert post(port, bodies[0]) == 200
    with held, ExitStack() as ends:
        links = [ends.enter_context(linked(port)) for _ in bodies]
        for link, body in zip(links, bodies, strict=True):
            link.sendall(head(body, f"Content-Length: {len(body)}") + body)
        assert requests.get(f"{page}/health/live", timeout=20).status_code == 200
        answers = [status_of(link) for link in links]

    text = requests.get(f"{page}/metrics", timeout=20).text
    counted = dict(re.findall(r'daybreak_webhook_posts_total{answer="(\w+)"} (\d+)', text))
    waited, refused = (int(counted[answer]) for answer in ("not_stored", "too_many_wait"))
    assert answers == [503] * len(bodies)
    assert waited + refused == len(bodies)
    assert waited < 2 * (threads - 2)  # without places: all of them, as many at a time as can
    assert [post(port, body) for body in bodies] == [200] * len(bodies)
    assert WebhookEvent.objects.count() == len(bodies)


def test_while_the_database_is_held_others_are_answered_and_nothing_is_lost(
    serve: Callable[..., int],
):
    refuse_all_and_lose_none(serve(), WEB_THREADS, locked_inbox())


@contextmanager
def frozen(proxy: Proxy) -> Iterator[None]:
    proxy.freeze()
    try:
        yield
    finally:
        proxy.mend()


def test_a_frozen_database_leaves_two_of_the_receivers_many_threads(
    on_postgres, serve: Callable[..., int]
):
    """Those who wait for a group whose statement hangs hold places, and are answered in time."""
    address = urlsplit(own_database())
    with Proxy(address.port or 5432) as proxy:
        netloc = f"{address.netloc.rpartition(':')[0]}:{proxy.port}"
        url = urlunsplit(address._replace(netloc=netloc))
        port = serve(RECEIVER, DATABASE_URL=url, GRANIAN_BLOCKING_THREADS="32")
        refuse_all_and_lose_none(port, 32, frozen(proxy))
