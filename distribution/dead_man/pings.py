"""Pings in the manner of healthchecks.io, to HEARTBEAT_URL_KEEPER, _TICK and _MORNING.

Each is sent after the work it stands for was done, by a thread of its own with a time limit: a
watcher that does not answer delays nothing, and a ping that is lost raises the watcher's alarm.
"""

from __future__ import annotations

import logging
import time
from threading import Lock, Thread
from urllib.parse import urlsplit, urlunsplit
from uuid import NAMESPACE_URL, UUID, uuid5

import requests
from django.conf import settings

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 2.0
EVERY_SECONDS = 60.0
START, SUCCESS, FAIL = "start", "", "fail"


def run_id(distribution_id: int) -> UUID:
    """The same in each process: it pairs the start of a morning with its end."""
    return uuid5(NAMESPACE_URL, f"{settings.PUBLIC_URL}/distribution/{distribution_id}")


def ping(url: str, signal: str = SUCCESS, *, run: UUID | None = None) -> Thread | None:
    """Send one ping; the thread that does it. None if there is no address."""
    if not url:
        return None
    thread = Thread(target=_get, args=(address(url, signal, run),), name="ping", daemon=True)
    thread.start()
    return thread


def address(url: str, signal: str = SUCCESS, run: UUID | None = None) -> str:
    """`https://hc-ping.com/<uuid>/start?rid=<run>`."""
    parts = urlsplit(url)
    path = f"{parts.path.rstrip('/')}/{signal}" if signal else parts.path
    query = "&".join(filter(None, (parts.query, f"rid={run}" if run else "")))
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def _get(url: str) -> None:
    """Without its address in the log: who knows it can silence the alarm."""
    try:
        response = requests.get(
            url,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            headers={"User-Agent": "Daybreak"},
        )
    except requests.RequestException as error:
        log.warning("a watcher was not reached: %s", type(error).__name__)
        return
    if not response.ok:
        log.warning("a watcher answered %s", response.status_code)


class EveryMinute:
    """Pings at most once a minute, and not while one is under way."""

    def __init__(self) -> None:
        self._lock, self._last = Lock(), float("-inf")
        self._thread: Thread | None = None

    def ping(self, url: str) -> Thread | None:
        """Call it each time that the work was done."""
        if not url:
            return None
        with self._lock:
            busy = self._thread is not None and self._thread.is_alive()
            if busy or time.monotonic() - self._last < EVERY_SECONDS - 1:
                return None
            self._last = time.monotonic()
            self._thread = ping(url)
        return self._thread


keeper, tick = EveryMinute(), EveryMinute()
