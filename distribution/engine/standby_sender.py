"""Sends batches in Celery's place: a few threads of this process and the very same functions.

It knows nothing but what it was asked to send. Claims are exclusive, so it may work beside
Celery, or beside another relief, without harm.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from threading import Lock, Thread, current_thread

from django.db import close_old_connections, connections

from distribution.sending.batch import Sent

log = logging.getLogger(__name__)

Batch = tuple[int, int]  # distribution, batch number
Send = Callable[[int, int], Sent]
Watch = Callable[[], AbstractContextManager[None]]


class Relief:
    """Up to `threads` threads that send what they are asked to, and end when nothing is left."""

    def __init__(self, send: Send, *, threads: int, watch: Watch = nullcontext) -> None:
        self._send, self._most, self._watch = send, threads, watch
        self._lock = Lock()  # over all that follows
        self._waiting: deque[Batch] = deque()
        self._known: set[Batch] = set()  # waiting or being sent
        self._threads: set[Thread] = set()
        self._closed = False

    def ask(self, batches: Iterable[Batch]) -> int:
        """Have these sent, first come first served; how many of them are new."""
        with self._lock:
            new = [batch for batch in dict.fromkeys(batches) if batch not in self._known]
            if self._closed:
                return 0
            self._waiting.extend(new)
            self._known.update(new)
            missing = min(self._most - len(self._threads), len(self._waiting))
            started = [Thread(target=self._work, name="relief") for _ in range(missing)]
            self._threads.update(started)
            for thread in started:  # inside the lock: nobody looks for one that has not begun
                thread.start()
        return len(new)

    @property
    def busy(self) -> bool:
        """Whether anything is being sent or waits."""
        return bool(self._known)

    def close(self, *, seconds: float) -> None:
        """Begin nothing more, and wait so long for the batches under way."""
        with self._lock:
            self._closed = True
            self._known.difference_update(self._waiting)
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
        """The next batch; None ends the thread that asks, so it is struck off in the same go."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._threads = {thread for thread in self._threads if thread is not current_thread()}
            return None

    def _send_one(self, batch: Batch) -> None:
        try:
            with self._watch():
                close_old_connections()
                sent = self._send(*batch)
            if not sent.states and sent.retry_after is not None:
                self._forget_waiting()  # no number has room: the others would find none, either
        except Exception:  # the row's lease or the next round sees to it
            log.exception("batch %d of distribution %d broke off", batch[1], batch[0])
        finally:
            with self._lock:
                self._known.discard(batch)

    def _forget_waiting(self) -> None:
        with self._lock:
            self._known.difference_update(self._waiting)
            self._waiting.clear()
