"""Repeats a write while the database is away for a moment: results that only this process knows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from django.db import Error, InterfaceError, InternalError, OperationalError, connection

log = logging.getLogger(__name__)

# The database is away, restarting, full or read-only; PostgreSQL calls the last one internal.
DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, InternalError)
RETRY_SECONDS = 0.25  # between two tries

T = TypeVar("T")


class DatabaseRetry:
    """Retries of one caller; its limit of `seconds` runs from the first failure in a row."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None

    def run(self, step: Callable[[], T]) -> T:
        """Run `step`, which must be safe to repeat, until it works; its error past the limit."""
        while True:
            try:
                done = step()
            except DATABASE_UNAVAILABLE as error:
                self._wait(error)
            else:
                self._end = None
                return done

    def _wait(self, error: Exception) -> None:
        now = time.monotonic()
        if self._end is None:
            log.warning("the database is away, what is in hand waits for it: %s", error)
            self._end = now + self._seconds
        if now >= self._end:
            raise error
        if not connection.in_atomic_block:
            with suppress(Error):  # even closing may fail
                connection.close()
        time.sleep(min(RETRY_SECONDS, self._end - now))
