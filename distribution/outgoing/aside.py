"""The rounds run in one thread of a process, beside its work: receivers may be slow to answer."""

from __future__ import annotations

import logging
from threading import Lock, Thread

from django.db import connections

from distribution.outgoing import rounds

log = logging.getLogger(__name__)

_lock = Lock()
_thread: Thread | None = None


def start() -> Thread:
    """Begin a round unless one is under way in this process; the thread that does it.

    A daemon: a process that ends does not wait for receivers. What it was posting is posted
    again under the same id.
    """
    global _thread
    with _lock:
        if _thread is None or not _thread.is_alive():
            _thread = Thread(target=_run, name="outgoing events", daemon=True)
            _thread.start()
        return _thread


def _run() -> None:
    try:
        rounds.run()
    except Exception:
        log.exception("a round of outgoing events broke off")
    finally:
        connections.close_all()
