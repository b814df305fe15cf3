"""A worker's heartbeat in the database: its queues, threads and recent throughput."""

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

WRITE_INTERVAL_SECONDS = 10.0
RATE_WINDOW_SECONDS = 60.0
STALE_ROW_AGE = timedelta(days=1)  # rows of workers that were killed


class WorkerHeartbeat:
    """Writes one worker's row regularly. A failed write is retried at the next interval and
    never disturbs the worker's tasks."""

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
        self._finished: deque[tuple[float, str]] = deque()
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="worker-heartbeat", daemon=True)

    def start(self) -> None:
        """Counts finished tasks from now on and writes the row every ten seconds."""
        task_postrun.connect(self.count, weak=False)
        self._thread.start()

    def stop(self) -> None:
        """Deletes the worker's row."""
        self._stopped.set()
        self._thread.join(timeout=2)

    def count(self, task: Any = None, **_: Any) -> None:
        """Counts a finished task."""
        delivery = getattr(getattr(task, "request", None), "delivery_info", None) or {}
        with self._lock:
            self._finished.append((time.monotonic(), str(delivery.get("routing_key", ""))))

    def write(self) -> None:
        """Updates the worker's row; the first write inserts it and deletes stale rows."""
        now = self._clock()
        facts = {
            "queues": self._queues,
            "concurrency": self._concurrency,
            "per_minute": self.per_minute(time.monotonic()),
            "at": now,
        }
        if not Worker.objects.filter(pk=self._name).update(**facts):
            Worker.objects.update_or_create(pk=self._name, defaults=facts)
            Worker.objects.filter(at__lt=now - STALE_ROW_AGE).delete()

    def per_minute(self, moment: float) -> dict[str, int]:
        """Tasks that finished in the minute before `moment`, by queue."""
        with self._lock:
            while self._finished and self._finished[0][0] < moment - RATE_WINDOW_SECONDS:
                self._finished.popleft()
            return dict(Counter(queue for _, queue in self._finished))

    def _run(self) -> None:
        while True:
            self._try(self.write)
            if self._stopped.wait(WRITE_INTERVAL_SECONDS):
                self._try(Worker.objects.filter(pk=self._name).delete)
                connection.close()
                return

    def _try(self, step: Callable[[], object]) -> None:
        try:
            close_old_connections()
            step()
        except Exception as error:
            log.debug("worker heartbeat not written: %s", type(error).__name__)
            connection.close()
