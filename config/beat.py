"""django-celery-beat's scheduler, told to end between two rounds and never inside one.

Celery's handler for TERM writes to the database and then raises. Inside a query that closes the
connection under it, and whoever catches the resulting error swallows the request to end: about
one start in ten, measured with a TERM in its first instant. So the signals wait for the round's
end.
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

SAY_SECONDS = 10.0
ENDINGS = {signal.SIGTERM, signal.SIGINT}


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Lets the signals that end beat wait until the block's end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Scheduler(DatabaseScheduler):  # type: ignore[misc]  # the package has no types
    """`celery beat --scheduler config.beat:Scheduler`."""

    _said = float("-inf")

    def setup_schedule(self) -> None:
        with undisturbed():
            super().setup_schedule()
        report_ready()

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        with undisturbed():
            self._say_that_we_live()
            return super().tick(*args, **kwargs)

    def _say_that_we_live(self) -> None:
        """For the health page; a database that is away is told with a later round."""
        if time.monotonic() - self._said < SAY_SECONDS:
            return
        self._said = time.monotonic()
        try:
            Heartbeat.beat(BEAT, timezone.now())
        except DatabaseError as error:
            log.debug("beat not noted: %s", type(error).__name__)

    def sync(self) -> None:
        with undisturbed():
            super().sync()
