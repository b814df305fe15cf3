"""Sends batches in Celery's place: a few threads of this process, by the same functions.

It sends only what is submitted. Claims are exclusive, so it may work beside Celery, or beside
another standby sender, without harm.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from threading import Lock, Thread, current_thread

from django.db import close_old_connections, connections

from distribution.sending.settling import BatchResult

log = logging.getLogger(__name__)

Batch = tuple[int, int]  # distribution, batch number
Send = Callable[[int, int], BatchResult]
WatchStep = Callable[[], AbstractContextManager[None]]


class StandbySender:
    """Up to `threads` threads that send what is submitted, and end when nothing is left."""

    def __init__(self, send: Send, *, threads: int, watch_step: WatchStep = nullcontext) -> None:
        self._send, self._thread_limit, self._watch_step = send, threads, watch_step
        self._lock = Lock()  # over all that follows
        self._waiting: deque[Batch] = deque()
        self._submitted: set[Batch] = set()  # waiting or being sent
        self._threads: set[Thread] = set()
        self._closed = False

    def submit(self, batches: Iterable[Batch]) -> int:
        """Send these, first come first served; how many of them are new."""
        with self._lock:
            new = [batch for batch in dict.fromkeys(batches) if batch not in self._submitted]
            if self._closed:
                return 0
            self._waiting.extend(new)
            self._submitted.update(new)
            missing = min(self._thread_limit - len(self._threads), len(self._waiting))
            started = [Thread(target=self._work, name="standby sender") for _ in range(missing)]
            self._threads.update(started)
            for thread in started:  # inside the lock: `close` must join none that has not begun
                thread.start()
        return len(new)

    @property
    def busy(self) -> bool:
        """Whether anything is being sent or waits."""
        return bool(self._submitted)

    def close(self, *, seconds: float) -> None:
        """Begin nothing more, and wait this long for the batches under way."""
        with self._lock:
            self._closed = True
            self._submitted.difference_update(self._waiting)
            self._waiting.clear()
            threads = list(self._threads)
        end = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _work(self) -> None:
        try:
            while (batch := self._next()) is not None:
                self._send_one(batch)
        finally:
            connections.close_all()

    def _next(self) -> Batch | None:
        """The next batch; None ends the calling thread, which is struck off in the same step."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._threads = {thread for thread in self._threads if thread is not current_thread()}
            return None

    def _send_one(self, batch: Batch) -> None:
        try:
            with self._watch_step():
                close_old_connections()
                result = self._send(*batch)
            if not result.states and result.retry_after is not None:
                self._drop_waiting()  # no number has room: the others would find none, either
        except Exception:  # the rows' leases or the next round take care of it
            log.exception("batch %d of distribution %d broke off", batch[1], batch[0])
        finally:
            with self._lock:
                self._submitted.discard(batch)

    def _drop_waiting(self) -> None:
        with self._lock:
            self._submitted.difference_update(self._waiting)
            self._waiting.clear()
