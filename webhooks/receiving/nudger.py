"""Wakes the drain when something was stored, and never makes the answer to Meta wait for it.

One daemon thread a process publishes at most one nudge a second, however many webhooks
come in. A frozen or refusing broker costs it time, nobody else: beat's own drain finds what a
lost nudge left.
"""

from __future__ import annotations

import os
import time
from threading import Event, Lock, Thread

from celery import current_app

from distribution.runtime.publisher import nudge

DRAIN = "webhooks.tasks.drain_inbox"  # by name: tasks stand above the door that calls this
INTERVAL = 1.0  # seconds between two nudges: also how many webhooks share one drain
LIFE = 30  # seconds after which a nudge nobody took is void


class Nudger:
    """A bell and the thread that listens to it."""

    def __init__(self) -> None:
        self.pid = os.getpid()  # threads do not survive a fork
        self._bell = Event()
        Thread(target=self._run, name="webhook nudger", daemon=True).start()

    def ring(self) -> None:
        if not self._bell.is_set():
            self._bell.set()

    def _run(self) -> None:
        while True:
            self._bell.wait()
            # First wait, then publish: what arrives meanwhile is drained together.
            time.sleep(INTERVAL)
            self._bell.clear()
            nudge(publish)  # never raises, waits a second at most, rests after a failure


def publish() -> None:
    """Put one nudge into the queue; may block for as long as the broker does."""
    current_app.send_task(DRAIN, queue="webhooks", expires=LIFE, ignore_result=True, retry=False)


_lock = Lock()
_nudger: Nudger | None = None


def wake() -> None:
    """Have the inbox drained soon. Costs a microsecond, never waits, never raises."""
    global _nudger
    if _nudger is None or _nudger.pid != os.getpid():
        with _lock:
            if _nudger is None or _nudger.pid != os.getpid():
                _nudger = Nudger()
    _nudger.ring()
