"""Says in the database that a worker lives, what it serves, and how much it did of late."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from typing import Any

from celery.signals import task_postrun
from django.db import close_old_connections, connection
from django.utils import timezone

from distribution.models import Worker

log = logging.getLogger(__name__)

NOTE_SECONDS = 10.0
MINUTE = 60.0
FORGET = timedelta(days=1)  # rows of workers that ended without a word


class Notes:
    """What one worker writes about itself. Nothing of it may harm the work: a database that is
    away is told the next time."""

    def __init__(
        self,
        name: str,
        queues: Sequence[str],
        concurrency: int,
        *,
        clock: Callable[[], datetime] = timezone.now,
    ) -> None:
        self._name, self._queues, self._concurrency = name[:200], list(queues), concurrency
        self._clock = clock
        self._lock = Lock()
        self._ended: deque[tuple[float, str]] = deque()
        self._over = Event()
        self._thread = Thread(target=self._run, name="notes", daemon=True)

    def begin(self) -> None:
        """Count from now on, and write every ten seconds."""
        task_postrun.connect(self.count, weak=False)
        self._thread.start()

    def end(self) -> None:
        """The row goes with the worker."""
        self._over.set()
        self._thread.join(timeout=2)

    def count(self, task: Any = None, **_: Any) -> None:
        """A task has ended."""
        told = getattr(getattr(task, "request", None), "delivery_info", None) or {}
        with self._lock:
            self._ended.append((time.monotonic(), str(told.get("routing_key", ""))))

    def write(self) -> None:
        """One row: two statements at first, then one."""
        now = self._clock()
        facts = {
            "queues": self._queues,
            "concurrency": self._concurrency,
            "per_minute": self.per_minute(time.monotonic()),
            "at": now,
        }
        if not Worker.objects.filter(pk=self._name).update(**facts):
            Worker.objects.update_or_create(pk=self._name, defaults=facts)
            Worker.objects.filter(at__lt=now - FORGET).delete()

    def per_minute(self, moment: float) -> dict[str, int]:
        """Tasks that ended in the minute before `moment`, by queue."""
        with self._lock:
            while self._ended and self._ended[0][0] < moment - MINUTE:
                self._ended.popleft()
            return dict(Counter(queue for _, queue in self._ended))

    def _run(self) -> None:
        while True:
            self._try(self.write)
            if self._over.wait(NOTE_SECONDS):
                self._try(Worker.objects.filter(pk=self._name).delete)
                connection.close()
                return

    def _try(self, step: Callable[[], object]) -> None:
        try:
            close_old_connections()
            step()
        except Exception as error:
            log.debug("worker not noted: %s", type(error).__name__)
            connection.close()
