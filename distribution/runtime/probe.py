"""A check with a time limit: a frozen database delays who asks by a second, never for good."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

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
        thread = self._begin()
        thread.join(timeout)
        return thread.result

    def _begin(self) -> _ProbeThread[Result]:
        with self._lock:
            thread = self._thread
            if thread is None or not thread.is_alive():
                thread = self._thread = _ProbeThread(self._check)
                thread.start()
        return thread


def results(
    probes: Iterable[Probe[Result]], timeout: float = PROBE_TIMEOUT_SECONDS
) -> list[Result | None]:
    """The results of several checks at the same time, `timeout` seconds after each began: one that
    hangs since an earlier call is not waited for again."""
    threads = [probe._begin() for probe in probes]
    for thread in threads:
        thread.join(max(0.0, thread.began + timeout - time.monotonic()))
    return [thread.result for thread in threads]


class _ProbeThread(threading.Thread, Generic[Result]):
    """Runs a check once. A daemon thread, so that a process can exit while a check hangs."""

    def __init__(self, check: Callable[[], Result]) -> None:
        super().__init__(name="health", daemon=True)
        self._check = check
        self.result: Result | None = None
        self.began = time.monotonic()

    def run(self) -> None:
        try:
            self.result = self._check()
        except Exception as error:
            log.warning("Not ready: %s: %s", type(error).__name__, error)
