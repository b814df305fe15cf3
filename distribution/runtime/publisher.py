"""Publishes tasks without ever waiting long for the broker.

A frozen Redis blocks a plain `.delay()` for ten seconds and more, even with socket timeouts.
So one daemon thread per process talks to the broker, callers wait a second at most, and after a
failure no call is tried for a while: the tick and the next process find the work in the database.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Full, Queue
from threading import Thread

from distribution.runtime.background import PerProcess

log = logging.getLogger(__name__)

WAIT_SECONDS = 1.0  # that a caller waits to learn whether its task was published
RECOVERY_SECONDS = 5.0  # without a try after a failure
BACKLOG_LIMIT = 1000  # calls that wait for the thread

PublishCall = Callable[[], object]


class Publisher:
    """One thread that publishes, and what it last learnt about the broker."""

    def __init__(self) -> None:
        self._calls: Queue[tuple[PublishCall, Future[None]]] = Queue(BACKLOG_LIMIT)
        self._paused_until = 0.0
        Thread(target=self._run, name="publisher", daemon=True).start()

    def publish(self, call: PublishCall, *, wait_seconds: float) -> bool:
        """True when the broker has it; False when it failed, was skipped or is still stuck."""
        if time.monotonic() < self._paused_until:
            return False
        done: Future[None] = Future()
        try:
            self._calls.put_nowait((call, done))
        except Full:
            return False
        try:
            done.result(timeout=wait_seconds)
        except Exception as error:
            self._paused_until = time.monotonic() + RECOVERY_SECONDS
            log.warning("task not published: %s", type(error).__name__)
            return False
        return True

    def _run(self) -> None:
        while True:
            call, done = self._calls.get()
            try:
                call()
            except Exception as error:
                done.set_exception(error)
            else:
                done.set_result(None)


_publisher = PerProcess(Publisher)


def publish(call: PublishCall, *, wait_seconds: float = WAIT_SECONDS) -> bool:
    """Run a publishing call in this process's publisher; never raises, never waits for long."""
    return _publisher.get().publish(call, wait_seconds=wait_seconds)
