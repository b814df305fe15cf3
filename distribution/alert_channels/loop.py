"""Looks each second for notices that are due: from the commit to the channel takes a second or two.

It runs in the keeper, in a thread of its own. Celery does the same more rarely, in case no keeper
runs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from threading import Event, Thread

from django.db import DatabaseError, InterfaceError, close_old_connections, connections
from django.utils import timezone

from distribution.alert_channels.delivery import Clock, Lanes
from distribution.alerts import incidents

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0
REMIND_SECONDS = 5.0  # between two looks for alerts that nobody acknowledged
BACKOFF_SECONDS = 5.0  # while the database is away
WatchStep = Callable[[], AbstractContextManager[None]]


class NoticeLoop:
    """A context manager: the loop runs inside it."""

    def __init__(self, clock: Clock = timezone.now, *, watch_step: WatchStep = nullcontext) -> None:
        self._clock, self._watch_step = clock, watch_step
        self._lanes, self._reminded_at = Lanes(clock), float("-inf")
        self._stop = Event()
        self._thread = Thread(target=self._run, name="alert notices", daemon=True)

    def __enter__(self) -> NoticeLoop:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=INTERVAL_SECONDS)

    def round(self) -> list[Thread]:
        """Write what is due for unacknowledged alerts, and have what is due sent."""
        if time.monotonic() - self._reminded_at >= REMIND_SECONDS:
            self._reminded_at = time.monotonic()
            incidents.remind(self._clock())
        return self._lanes.start()

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            pause = INTERVAL_SECONDS if self._try_round() else BACKOFF_SECONDS
        connections.close_all()

    def _try_round(self) -> bool:
        try:
            with self._watch_step():
                close_old_connections()
                self.round()
        except (DatabaseError, InterfaceError) as error:
            log.warning("alerts cannot be sent now: %s", type(error).__name__)
            connections.close_all()
            return False
        except Exception:
            log.exception("a look for alerts broke off")
            return False
        return True
