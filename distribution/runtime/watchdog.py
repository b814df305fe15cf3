"""Ends the process when a step of it hangs: a frozen database ignores every timeout of ours.

The supervisor starts the process again, and a new connection succeeds or fails within seconds.
Leases and the ledger make the sudden end harmless.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Self

log = logging.getLogger(__name__)

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h


def end_process() -> None:
    """At once, without cleaning up: the clean-up may hang, too."""
    logging.shutdown()
    os._exit(EXIT_CODE)


class Watchdog:
    """A thread that ends the process when a watched step takes longer than `limit` seconds.

    A context manager; inside it, `with watchdog.step("drain"):` around each step of each thread.
    """

    def __init__(self, limit: float, *, on_hang: Callable[[], None] = end_process) -> None:
        self._limit, self._on_hang = limit, on_hang
        self._lock = Lock()
        self._steps: dict[int, tuple[str, float]] = {}  # name and deadline, by serial
        self._serial = 0
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    @contextmanager
    def step(self, name: str, *, extra: float = 0.0) -> Iterator[None]:
        """Around a step that may take the limit and `extra` seconds."""
        with self._lock:
            self._serial += 1
            serial = self._serial
            self._steps[serial] = (name, time.monotonic() + self._limit + extra)
        try:
            yield
        finally:
            with self._lock:
                del self._steps[serial]

    def _run(self) -> None:
        while not self._stopped.wait(min(1.0, self._limit / 4)):
            hanging = self._hanging()
            if hanging:
                log.critical("%s hangs: this process ends, to be started again", hanging)
                self._on_hang()
                return

    def _hanging(self) -> str:
        now = time.monotonic()
        with self._lock:
            return next((name for name, deadline in self._steps.values() if now > deadline), "")
