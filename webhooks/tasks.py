"""Celery tasks of this app: thin, and safe to call at any time, twice, or not at all.

Celery's configuration routes them to their queue.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from threading import Event, Lock
from time import monotonic, sleep
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import Error, close_old_connections, connection
from django.utils import timezone

from distribution.runtime.background import BackgroundJob
from webhooks.applying import dead_letters, inbox, sharing
from webhooks.models import WebhookEvent
from webhooks.receiving import nudger

log = logging.getLogger(__name__)

# Drains of one process at once would only wait for each other's rows: one drains, and drains once
# more if another was requested meanwhile.
_draining = Lock()
_requested = Event()

DEFERRED_INTERVAL_SECONDS = 4.0  # between two tries of one process to apply deferred webhooks
_deferred_applied_at = -DEFERRED_INTERVAL_SECONDS


FOLLOW_SECONDS = 1.0  # between two looks of a process that shares the work
ALONE_SECONDS = 5.0  # between two looks whether there is another one


@shared_task(
    name=nudger.DRAIN_TASK, expires=nudger.NUDGE_EXPIRY_SECONDS, ignore_result=True, bind=True
)
def drain_inbox(self: Any) -> None:
    """Apply the stored webhooks: this worker's share of them."""
    _drain(self.request.hostname or "")


def _drain(worker: str) -> None:
    _requested.set()
    while _requested.is_set() and _draining.acquire(blocking=False):
        try:
            _requested.clear()
            now = timezone.now()
            share = sharing.share_of(worker, now)
            more = inbox.drain(now=now, include_deferred=_deferred_are_due(), share=share).more
        finally:
            _draining.release()
        if more:
            nudger.request_drain()


def follow_inbox(worker: str) -> None:
    """While other workers apply webhooks, too, have this one apply its share without being asked:
    a request reaches one of them."""
    if connection.vendor != "sqlite":
        BackgroundJob("inbox", partial(_follow, worker)).start()


def _follow(worker: str) -> None:
    while True:
        pause = ALONE_SECONDS
        try:
            close_old_connections()
            if not sharing.share_of(worker, timezone.now()).is_whole:
                pause = FOLLOW_SECONDS
                if WebhookEvent.objects.pending().exists():
                    _drain(worker)
        except Error as error:
            log.debug("the inbox is not followed now: %s", type(error).__name__)
        sleep(pause)


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
