"""Says in the ledger that this process receives, and until when it did not.

What came while nobody answered, or was answered 5xx, Meta brings again after ever longer pauses.
So silence about a message proves nothing for as long: `distribution/outcomes/reconcile.py` asks.
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

BEAT_SECONDS = 2.0
STALLED_SECONDS = 5.0  # who slept so long (frozen, starved) let calls wait, perhaps in vain
WRITE_SECONDS = 2.0

_lock = Lock()
_door = "web"  # the kind of process that this one is
_away_at: datetime | None = None  # not in the ledger yet


def begin(door: str) -> None:
    """This process begins to receive now; before, as far as it knows, nobody did at its `door`.

    Never waits and never fails: a thread tells the ledger, now or as soon as there is one.
    """
    global _door
    _door = door
    missed(timezone.now())
    _beating.start()


def missed(at: datetime) -> None:
    """Something that came up to `at` was not taken. Costs nothing; told with the next store."""
    global _away_at
    with _lock:
        _away_at = at if _away_at is None else max(_away_at, at)


def owes() -> bool:
    """Whether an absence is known here and not yet in the ledger."""
    return _away_at is not None


def tell(now: datetime) -> None:
    """Write into the ledger that we are here, and until when we were not; a few seconds at most.

    Raises the database's error when it cannot be written; it is owed still then.
    """
    global _away_at
    away_at = _away_at
    database = connections[DEFAULT_DB_ALIAS]
    try:
        _write(now, away_at)
    except (OperationalError, InterfaceError):
        if database.in_atomic_block:
            raise
        database.close()  # perhaps it only went stale: once more, anew
        _write(now, away_at)
    with _lock:
        if _away_at == away_at:  # else more was missed meanwhile
            _away_at = None


def _write(now: datetime, away_at: datetime | None) -> None:
    with time_limit(connections[DEFAULT_DB_ALIAS], WRITE_SECONDS):
        StatusFeed.receiver_seen(now, door=_door, away_at=away_at)


def _run() -> None:
    while True:
        started = time.monotonic()
        beat()
        time.sleep(BEAT_SECONDS)
        if time.monotonic() - started > BEAT_SECONDS + STALLED_SECONDS:
            missed(timezone.now())


def beat() -> None:
    """Tell the ledger if it is there; an absent one is told the next time."""
    try:
        close_old_connections()
        tell(timezone.now())
    except Exception as error:  # this thread must not end: who is not seen stops every second send
        level = logging.DEBUG if isinstance(error, Error) else logging.ERROR
        log.log(level, "receiver not noted: %s", masking.first_line(error))


_beating = BackgroundJob("receiver", _run)
