"""django-celery-beat's scheduler, which stops between two rounds and never inside one.

Celery's handler for SIGTERM writes to the database and then raises. Inside a query this closes
the connection in use, and the code that catches the resulting error also swallows the request to
stop: about one start in ten, measured with a SIGTERM right after the start. So the signals are
blocked during a round.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError
from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler

from config.processes.child import report_ready
from distribution.models import Heartbeat
from distribution.models.heartbeats import BEAT

log = logging.getLogger(__name__)

HEARTBEAT_INTERVAL_SECONDS = 10.0
CHANGES_INTERVAL_SECONDS = 1.0  # the package asks twenty times a second while tasks are due
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}


@contextlib.contextmanager
def stop_signals_blocked() -> Iterator[None]:
    """Defers SIGTERM and SIGINT to the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Scheduler(DatabaseScheduler):  # type: ignore[misc]  # the package has no types
    """`celery beat --scheduler config.beat:Scheduler`."""

    _recorded_at = _looked_at = float("-inf")  # time.monotonic()

    def setup_schedule(self) -> None:
        with stop_signals_blocked():
            super().setup_schedule()
        report_ready()

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        with stop_signals_blocked():
            self._record_heartbeat()
            return super().tick(*args, **kwargs)

    def schedule_changed(self) -> bool:
        """Whether the timetable in the database is another one since the last look at it."""
        if time.monotonic() - self._looked_at < CHANGES_INTERVAL_SECONDS:
            return False
        self._looked_at = time.monotonic()
        return bool(super().schedule_changed())

    def _record_heartbeat(self) -> None:
        """For the health report. If the database is away, a later round records it."""
        if time.monotonic() - self._recorded_at < HEARTBEAT_INTERVAL_SECONDS:
            return
        self._recorded_at = time.monotonic()
        try:
            Heartbeat.record(BEAT, timezone.now())
        except DatabaseError as error:
            log.debug("heartbeat not recorded: %s", type(error).__name__)

    def sync(self) -> None:
        with stop_signals_blocked():
            super().sync()
