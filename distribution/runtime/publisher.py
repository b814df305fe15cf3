"""Publishing a nudge without ever waiting for the broker.

A frozen Redis blocks a plain `.delay()` for ten seconds and more, even with socket timeouts.
So one daemon thread per process does the talking, callers wait a second at most, and after a
failure nobody tries for a while: the tick and the next process find the work in the database.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, Full, Queue
from threading import Lock, Thread

log = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds a caller waits to learn whether its nudge went out
RECOVERY = 5.0  # seconds without a try after a failure
BACKLOG = 1000

Publish = Callable[[], object]


class Nudger:
    """One thread that publishes, and what it last learnt about the broker."""

    def __init__(self) -> None:
        self.pid = os.getpid()  # threads do not survive a fork
        self._tasks: Queue[tuple[Publish, Future[None]]] = Queue(BACKLOG)
        self._quiet_until = 0.0
        self._thread = Thread(target=self._run, name="nudger", daemon=True)
        self._thread.start()

    def publish(self, publish: Publish, *, patience: float) -> bool:
        """True when the broker has it; False when it failed, was skipped or is still stuck."""
        if time.monotonic() < self._quiet_until:
            return False
        done: Future[None] = Future()
        try:
            self._tasks.put_nowait((publish, done))
        except Full:
            return False
        try:
            done.result(timeout=patience)
        except Exception as error:
            self._quiet_until = time.monotonic() + RECOVERY
            log.warning("nudge not published: %s", type(error).__name__)
            return False
        return True

    def _run(self) -> None:
        while True:
            try:
                publish, done = self._tasks.get(timeout=60)
            except Empty:
                continue
            try:
                publish()
            except Exception as error:
                done.set_exception(error)
            else:
                done.set_result(None)


_lock = Lock()
_nudger: Nudger | None = None


def nudge(publish: Publish, *, patience: float = PATIENCE) -> bool:
    """Run a publishing call in the process's nudger; never raises, never waits for long."""
    global _nudger
    with _lock:
        if _nudger is None or _nudger.pid != os.getpid():
            _nudger = Nudger()
    return _nudger.publish(publish, patience=patience)


def _renew_lock() -> None:
    """A lock that was held while its process forked stays held in the child for ever."""
    global _lock
    _lock = Lock()


os.register_at_fork(after_in_child=_renew_lock)
