"""A database that does not answer takes a few threads from a web process, and never all."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import requests

from config.processes.programs import WEB_THREADS
from distribution.runtime.places import Full, Places
from tests.webhooks.posts import notice
from tests.webhooks.receiving.test_deadline import locked_inbox
from tests.webhooks.receiving.test_http import head, linked, post, status_of
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


def test_two_threads_are_left_to_others():
    assert WEB_THREADS - PLACES == 2


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


def test_while_the_database_is_held_others_are_answered_and_nothing_is_lost(
    serve: Callable[..., int],
):
    port = serve()
    page = f"http://127.0.0.1:{port}"
    bodies = [notice("security", event=f"E{place}") for place in range(40)]
    assert post(port, bodies[0]) == 200
    with locked_inbox(), ExitStack() as ends:
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
    assert waited < 2 * PLACES  # without places: all of them, eight at a time
    assert [post(port, body) for body in bodies] == [200] * len(bodies)
    assert WebhookEvent.objects.count() == len(bodies)
