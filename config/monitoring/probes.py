"""Checks of the database, the broker and the keeper, each with a time limit."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from django.conf import settings
from django.db import connection
from django.utils import timezone

from config import broker
from distribution.models import Heartbeat
from distribution.models.heartbeats import KEEPER, is_silent

logger = logging.getLogger(__name__)

PROBE_TIMEOUT_SECONDS = 1.0
Result = TypeVar("Result")


class Probe(Generic[Result]):
    """Runs a check that may hang in a separate thread and waits a limited time for its result.

    While one thread still hangs, no second one starts: a frozen database must not collect threads.
    """

    def __init__(self, check: Callable[[], Result]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._thread: _ProbeThread[Result] | None = None

    def succeeds(self, timeout: float = PROBE_TIMEOUT_SECONDS) -> bool:
        """Whether the check returned a true value within `timeout` seconds."""
        return bool(self.result(timeout))

    def result(self, timeout: float = PROBE_TIMEOUT_SECONDS) -> Result | None:
        """The check's result, or None if there was none within `timeout` seconds."""
        with self._lock:
            thread = self._thread
            if thread is None or not thread.is_alive():
                thread = self._thread = _ProbeThread(self._check)
                thread.start()
        thread.join(timeout)
        return thread.result


class _ProbeThread(threading.Thread, Generic[Result]):
    """Runs a check once. A daemon thread, so that a process can exit while a check hangs."""

    def __init__(self, check: Callable[[], Result]) -> None:
        super().__init__(name="health", daemon=True)
        self._check = check
        self.result: Result | None = None

    def run(self) -> None:
        try:
            self.result = self._check()
        except Exception as error:
            logger.warning("Not ready: %s: %s", type(error).__name__, error)


def database_answers() -> bool:
    """Queries the database on this thread's connection; others may be in the middle of a query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    finally:
        connection.close()


def broker_answers() -> bool:
    """Sends the broker a PING."""
    return broker.answers(settings.REDIS_URL)


def keeper_is_alive() -> bool:
    """Whether the keeper has a recent heartbeat, read on this thread's connection."""
    try:
        beat_at = Heartbeat.objects.filter(pk=KEEPER).values_list("at", flat=True).first()
        return not is_silent(beat_at, timezone.now())
    finally:
        connection.close()


PROBES = {
    "database": Probe(database_answers),
    "broker": Probe(broker_answers),
    "keeper": Probe(keeper_is_alive),
}
REQUIRED = ("database", "broker")  # without these a load balancer should choose another machine
