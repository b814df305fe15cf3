"""Celery tasks of this app: thin, and safe to call at any time, twice, or not at all.

Celery's configuration routes them to their queue.
"""

from __future__ import annotations

from datetime import timedelta
from threading import Event, Lock
from time import monotonic

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from webhooks.applying import dead_letters, inbox
from webhooks.receiving import nudger

# Drains of one process at once would only wait for each other's rows: one drains, and drains once
# more if another was requested meanwhile.
_draining = Lock()
_requested = Event()

DEFERRED_INTERVAL_SECONDS = 4.0  # between two tries of one process to apply deferred webhooks
_deferred_applied_at = -DEFERRED_INTERVAL_SECONDS


@shared_task(name=nudger.DRAIN_TASK, expires=nudger.NUDGE_EXPIRY_SECONDS, ignore_result=True)
def drain_inbox() -> None:
    """Apply the stored webhooks."""
    _requested.set()
    while _requested.is_set() and _draining.acquire(blocking=False):
        try:
            _requested.clear()
            more = inbox.drain(now=timezone.now(), include_deferred=_deferred_are_due()).more
        finally:
            _draining.release()
        if more:
            nudger.request_drain()


def _deferred_are_due() -> bool:
    global _deferred_applied_at  # safe: drains of a process run one at a time
    due = monotonic() - _deferred_applied_at >= DEFERRED_INTERVAL_SECONDS
    if due:
        _deferred_applied_at = monotonic()
    return due


@shared_task(name="webhooks.tasks.prune_inbox", ignore_result=True)
def prune_inbox() -> None:
    """Delete the bodies that are older than WEBHOOK_KEEP_DAYS, for they hold phone numbers, and
    those that were given up on after DEAD_LETTER_KEEP_DAYS."""
    now = timezone.now()
    inbox.prune(now - timedelta(days=settings.WEBHOOK_KEEP_DAYS))
    dead_letters.forget(before=now - timedelta(days=settings.DEAD_LETTER_KEEP_DAYS), now=now)
