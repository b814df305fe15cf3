"""Requests a drain of the inbox when a webhook was stored, without delaying the answer to Meta.

One daemon thread per process publishes at most one drain task a second, however many webhooks come
in. A frozen or refusing broker delays this thread only; what a lost task left, the regular drain
by Celery beat applies.
"""

from __future__ import annotations

import time
from threading import Event

from celery import current_app

from distribution.runtime import publisher
from distribution.runtime.background import BackgroundJob, PerProcess

DRAIN_TASK = "webhooks.tasks.drain_inbox"  # by name: this module must not import tasks
NUDGE_INTERVAL_SECONDS = 1.0  # webhooks of one interval share a drain
NUDGE_EXPIRY_SECONDS = 30  # a task that no worker took by then is dropped


class Nudger:
    """An event and the thread that waits for it."""

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
            time.sleep(NUDGE_INTERVAL_SECONDS)
            self._bell.clear()
            # Never raises, waits a second at most, rests after a failure.
            publisher.publish(publish)


def publish() -> None:
    """Publish one drain task; may block for as long as the broker does."""
    current_app.send_task(
        DRAIN_TASK, queue="webhooks", expires=NUDGE_EXPIRY_SECONDS, ignore_result=True, retry=False
    )


_nudger = PerProcess(Nudger)


def request_drain() -> None:
    """Have the inbox drained soon. Costs a microsecond, never waits, never raises."""
    _nudger.get().ring()
