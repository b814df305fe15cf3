"""Background threads and per-process objects: one implementation of each."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from threading import Lock, Thread
from typing import Generic, TypeVar

from django.db import connections

log = logging.getLogger(__name__)

T = TypeVar("T")


class BackgroundJob:
    """Work in one thread beside what the process is for; it runs once at a time at most.

    A daemon thread does not delay the end of the process, so its work must be safe to break off
    anywhere. An error is logged and ends the run; database connections are closed after it.
    """

    def __init__(self, name: str, work: Callable[[], object], *, daemon: bool = True) -> None:
        self._name, self._work, self._daemon = name, work, daemon
        self._lock = Lock()
        self._thread: Thread | None = None

    def start(self) -> Thread:
        """Start the work unless it is running; the thread that does it."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name=self._name, daemon=self._daemon)
                self._thread.start()
            return self._thread

    def _run(self) -> None:
        try:
            self._work()
        except Exception:
            log.exception("%s broke off", self._name)
        finally:
            connections.close_all()


class PerProcess(Generic[T]):
    """One object per process, made when it is first needed.

    For module level. A forked child makes its own: threads do not survive a fork, and a lock that
    another thread held at that moment stays locked in the child.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = Lock()
        self._made: T | None = None

    def get(self) -> T:
        """The object of this process; costs one comparison once it is there."""
        made = self._made
        if made is None:
            with self._lock:
                if self._made is None:
                    self._made = self._make()
                made = self._made
        return made
