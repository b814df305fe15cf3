"""Records in the ledger that this process receives webhooks, and until when it did not.

Meta repeats what was not answered, or was answered 5xx, after ever longer pauses. Until then the
absence of a report proves nothing about a message: `distribution/outcomes/reconcile.py` reads this.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime
from threading import Lock

from django.db import (
    DEFAULT_DB_ALIAS,
    Error,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connections,
)
from django.utils import timezone

from distribution.models import StatusFeed
from distribution.runtime.background import BackgroundJob
from webhooks import masking
from webhooks.receiving.deadline import time_limit

log = logging.getLogger(__name__)

SAVE_INTERVAL_SECONDS = 2.0
STALLED_SECONDS = 5.0  # a process that slept so long (frozen, starved) may have missed calls
WRITE_SECONDS = 2.0

_lock = Lock()
_process_kind = "web"  # the name of the heartbeat
_gap_end: datetime | None = None  # of a receive gap that is not in the ledger yet


def start(process_kind: str) -> None:
    """This process begins to receive now; nothing is known about receiving before.

    Never waits and never fails: a thread saves the gap, now or once the ledger is reachable.
    """
    global _process_kind
    _process_kind = process_kind
    note_gap(timezone.now())
    _saving.start()


def note_gap(at: datetime) -> None:
    """Something that came up to `at` was not taken. Costs nothing; saved before the next store."""
    global _gap_end
    with _lock:
        _gap_end = at if _gap_end is None else max(_gap_end, at)


def has_unsaved_gap() -> bool:
    """True while a receive gap is not yet saved."""
    return _gap_end is not None


def save(now: datetime) -> None:
    """Save that this process receives, and until when it did not; takes a few seconds at most.

    Raises the database's error when it cannot be saved; the gap stays unsaved then.
    """
    global _gap_end
    gap_end = _gap_end
    database, started = connections[DEFAULT_DB_ALIAS], time.monotonic()
    try:
        _write(now, gap_end)
    except (OperationalError, InterfaceError):
        if database.in_atomic_block or time.monotonic() - started > WRITE_SECONDS / 4:
            raise
        database.close()  # it may have gone stale: try once more on a new one
        _write(now, gap_end)
    with _lock:
        if _gap_end == gap_end:  # else the gap has grown meanwhile
            _gap_end = None


def _write(now: datetime, gap_end: datetime | None) -> None:
    with time_limit(connections[DEFAULT_DB_ALIAS], WRITE_SECONDS):
        StatusFeed.receiver_seen(now, receiver=_process_kind, away_at=gap_end)


def _run() -> None:
    while True:
        started = time.monotonic()
        try_to_save()
        time.sleep(SAVE_INTERVAL_SECONDS)
        if time.monotonic() - started > SAVE_INTERVAL_SECONDS + STALLED_SECONDS:
            note_gap(timezone.now())


def try_to_save() -> None:
    """Save if the ledger is reachable; else the next call saves."""
    try:
        close_old_connections()
        save(timezone.now())
    except Exception as error:  # must not end: without this row no unknown outcome is sent again
        level = logging.DEBUG if isinstance(error, Error) else logging.ERROR
        log.log(level, "receiver not noted: %s", masking.first_line(error))


_saving = BackgroundJob("receiver", _run)
