"""Going on trying to write what only we know, while the database is away for a moment."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from django.db import Error, InterfaceError, InternalError, OperationalError, connection

log = logging.getLogger(__name__)

# The database is away, restarting, full or read-only; PostgreSQL calls the last one internal.
AWAY = (OperationalError, InterfaceError, InternalError)
PAUSE = 0.25  # seconds between two tries

T = TypeVar("T")


class Patience:
    """One caller's: it ends `seconds` after the first failure in a row, for all its writes."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None

    def write(self, step: Callable[[], T]) -> T:
        """Do `step`, which may be done twice, until it works; its error when patience is over."""
        while True:
            try:
                done = step()
            except AWAY as error:
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
            with suppress(Error):  # it may not even be able to say goodbye
                connection.close()
        time.sleep(min(PAUSE, self._end - now))
