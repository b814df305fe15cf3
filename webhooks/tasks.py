"""Celery's door into this app: thin, and safe to call at any time, twice, or not at all.

Their queue stands in the routes of Celery's configuration.
"""

from __future__ import annotations

from datetime import timedelta
from threading import Event, Lock
from time import monotonic

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from webhooks.applying import inbox
from webhooks.receiving import nudger

# Drains of one process at once would only wait for each other's rows: one works, and looks once
# more when others were asked meanwhile.
_draining = Lock()
_asked = Event()

LOOK_BACK_SECONDS = 4.0  # between two looks of one process at what is to be looked at again
_looked_back_at = -LOOK_BACK_SECONDS


@shared_task(name=nudger.DRAIN, expires=nudger.LIFE, ignore_result=True)
def drain_inbox() -> None:
    """Apply what Meta has told us."""
    _asked.set()
    while _asked.is_set() and _draining.acquire(blocking=False):
        try:
            _asked.clear()
            more = inbox.drain(now=timezone.now(), look_back=_look_back()).more
        finally:
            _draining.release()
        if more:
            nudger.wake()


def _look_back() -> bool:
    global _looked_back_at  # only whoever drains comes here, and drains are one at a time
    due = monotonic() - _looked_back_at >= LOOK_BACK_SECONDS
    if due:
        _looked_back_at = monotonic()
    return due


@shared_task(name="webhooks.tasks.prune_inbox", ignore_result=True)
def prune_inbox() -> None:
    """Forget the bodies that are older than WEBHOOK_KEEP_DAYS; they hold phone numbers."""
    inbox.prune(timezone.now() - timedelta(days=settings.WEBHOOK_KEEP_DAYS))
