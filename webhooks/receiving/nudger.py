"""Wakes the drain when something was stored, and never makes the answer to Meta wait for it.

One daemon thread a process publishes at most one nudge a second, however many webhooks
come in. A frozen or refusing broker costs it time, nobody else: beat's own drain finds what a
lost nudge left.
"""

from __future__ import annotations

import time
from threading import Event

from celery import current_app

from distribution.runtime import publisher
from distribution.runtime.background import BackgroundJob, PerProcess

DRAIN = "webhooks.tasks.drain_inbox"  # by name: tasks stand above the door that calls this
INTERVAL = 1.0  # seconds between two nudges: also how many webhooks share one drain
LIFE = 30  # seconds after which a nudge nobody took is void


class Nudger:
    """A bell and the thread that listens to it."""

    def __init__(self) -> None:
        self._bell = Event()
        BackgroundJob("webhook nudger", self._run).start()

    def ring(self) -> None:
        if not self._bell.is_set():
            self._bell.set()

    def _run(self) -> None:
        while True:
            self._bell.wait()
            # First wait, then publish: what arrives meanwhile is drained together.
            time.sleep(INTERVAL)
            self._bell.clear()
            publisher.publish(
                publish
            )  # never raises, waits a second at most, rests after a failure


def publish() -> None:
    """Put one nudge into the queue; may block for as long as the broker does."""
    current_app.send_task(DRAIN, queue="webhooks", expires=LIFE, ignore_result=True, retry=False)


_nudger = PerProcess(Nudger)


def wake() -> None:
    """Have the inbox drained soon. Costs a microsecond, never waits, never raises."""
    _nudger.get().ring()
