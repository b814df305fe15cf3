"""Work in one thread of a process, beside what the process is for: it may take its time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock, Thread

from django.db import connections

log = logging.getLogger(__name__)


class Aside:
    """One piece of work, under way once in a process at most.

    Its thread is a daemon: a process that ends does not wait for it, so the work must be such
    that it can break off anywhere.
    """

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        self._name, self._work = name, work
        self._lock = Lock()
        self._thread: Thread | None = None

    def start(self) -> Thread:
        """Begin unless it is under way; the thread that does it."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            return self._thread

    def _run(self) -> None:
        try:
            self._work()
        except Exception:
            log.exception("%s broke off", self._name)
        finally:
            connections.close_all()
