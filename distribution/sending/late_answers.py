"""Answers that their batches did not wait for: one thread of the process records those of all.

Each thread has a connection to the database of its own. A thread for every batch would open one
for its last few answers, and hundreds at once while Meta is slow to answer.
"""

from __future__ import annotations

import logging
import time
from threading import Lock
from typing import Protocol

from django.db import close_old_connections

from distribution.runtime.background import BackgroundJob, PerProcess

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # that answers are collected before they are written together


class LateBatch(Protocol):
    """A batch with calls that have not ended."""

    def collect_late(self, timeout: float) -> bool:
        """Record the answers that come within so many seconds; whether any are still missing."""

    def end_late(self) -> None:
        """Called once nothing more is recorded."""


class _Collector:
    """The batches of this process with missing answers, and the thread that collects them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._batches: list[LateBatch] = []
        self._collecting = False

    def add(self, batch: LateBatch) -> None:
        with self._lock:
            self._batches.append(batch)
            if not self._collecting:
                # A new job each time: the thread of the last one may still be ending. Not a daemon:
                # the process ends only after the last answers are recorded.
                BackgroundJob("late answers", self._collect_while_needed, daemon=False).start()
                self._collecting = True  # now: if no thread can be had, the next batch tries again

    def _collect_while_needed(self) -> None:
        all_at = time.monotonic() + LOOK_SECONDS
        while batches := self._waiting():
            # The oldest ends first. What came of the others is recorded together, now and then.
            self._look(batches[0], max(0.0, all_at - time.monotonic()))
            if time.monotonic() >= all_at:
                for batch in batches[1:]:
                    self._look(batch, 0.0)
                all_at = time.monotonic() + LOOK_SECONDS

    def _waiting(self) -> list[LateBatch]:
        with self._lock:
            self._collecting = bool(self._batches)
            return self._batches.copy()

    def _look(self, batch: LateBatch, timeout: float) -> None:
        try:
            close_old_connections()
            if batch.collect_late(timeout):
                return
        except Exception:  # the other batches' answers are recorded all the same
            log.exception("late answers broke off")
        with self._lock:
            self._batches.remove(batch)
        batch.end_late()


_collector = PerProcess(_Collector)


def collect(batch: LateBatch) -> None:
    """Have the batch's missing answers recorded beside everything else."""
    _collector.get().add(batch)
