from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from itertools import pairwise
from queue import Empty, Queue
from threading import Event

import pytest
from celery import current_app

from distribution.runtime import publisher
from distribution.runtime.background import PerProcess
from webhooks import tasks
from webhooks.receiving import nudger


@pytest.fixture
def published(monkeypatch) -> Queue[float]:
    """The moments at which nudges go to the broker."""
    moments: Queue[float] = Queue()
    others = set(threading.enumerate())  # a nudger that an earlier test has woken, for one

    def publish() -> None:
        if threading.current_thread() not in others:
            moments.put(time.monotonic())

    monkeypatch.setattr(nudger, "publish", publish)
    monkeypatch.setattr(publisher, "publish", lambda publish: publish())
    monkeypatch.setattr(nudger, "_nudger", PerProcess(nudger.Nudger))
    return moments


def test_a_nudge_goes_out_soon(published):
    started = time.monotonic()

    nudger.request_drain()

    assert published.get(timeout=60) - started >= nudger.NUDGE_INTERVAL_SECONDS


def test_many_calls_are_one_nudge_each_interval(published):
    end = time.monotonic() + 5 * nudger.NUDGE_INTERVAL_SECONDS
    while time.monotonic() < end:
        nudger.request_drain()
    moments = []
    with suppress(Empty):
        while True:
            moments.append(published.get(timeout=1))

    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert 2 <= len(moments) <= 6
    assert min(gaps) >= nudger.NUDGE_INTERVAL_SECONDS


def test_a_call_during_a_nudge_is_not_lost(published, monkeypatch):
    """What was stored while the broker was slow may have come too late for that drain."""
    go_on = Event()
    monkeypatch.setattr(publisher, "publish", lambda publish: (publish(), go_on.wait(10)))
    nudger.request_drain()
    first = published.get(timeout=60)

    nudger.request_drain()
    go_on.set()

    assert published.get(timeout=60) > first


def test_waking_takes_no_time(published):
    nudger.request_drain()
    started = time.process_time()
    for _ in range(10_000):
        nudger.request_drain()

    assert time.process_time() - started < 1.0


def test_a_forked_process_has_a_nudger_of_its_own(published):
    nudger.request_drain()
    published.get(timeout=60)
    child = os.fork()
    if child == 0:
        nudger.request_drain()
        try:
            published.get(timeout=60)
        except Empty:
            os._exit(1)
        os._exit(0)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_nudge_names_a_task_that_exists():
    assert tasks.drain_inbox.name == nudger.DRAIN_TASK
    assert nudger.DRAIN_TASK in current_app.tasks
