"""A time limit on database calls that holds even if the server is frozen.

Neither statement timeouts nor keepalives end a call to a frozen PostgreSQL (its kernel still
acknowledges). So a thread watches the calls and shuts down the socket of one that takes too
long: the waiting call fails at once, and its connection is thrown away.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Error

from distribution.runtime.background import BackgroundJob, PerProcess

CHECK_SECONDS = 0.1  # between two looks at the calls under way


class Watch:
    """The calls under way in this process, and the thread that ends those that take too long."""

    def __init__(self) -> None:
        self._calls: dict[int, tuple[float, Any]] = {}  # by thread: its end, its psycopg connection
        # Held while a socket is shut down, so that its connection cannot be closed, and its
        # number given to another one, meanwhile.
        self._lock = Lock()
        BackgroundJob("database deadline", self._run).start()

    def begin(self, connection: Any, seconds: float) -> None:
        """Watch this thread's calls on a psycopg connection from now on."""
        self._calls[get_ident()] = (time.monotonic() + seconds, connection)

    def end(self) -> bool:
        """Stop watching this thread; False if its connection was shut down."""
        with self._lock:
            return self._calls.pop(get_ident(), None) is not None

    def _run(self) -> None:
        while True:
            time.sleep(CHECK_SECONDS)
            if self._calls:
                self._shut_down_late_calls()

    def _shut_down_late_calls(self) -> None:
        now = time.monotonic()
        with self._lock:
            for thread, (end, connection) in list(self._calls.items()):
                if end < now:
                    del self._calls[thread]
                    _shut_down(connection)


_watch = PerProcess(Watch)


@contextmanager
def time_limit(connection: BaseDatabaseWrapper, seconds: float) -> Iterator[None]:
    """Make database calls in the `with` block fail once `seconds` have passed."""
    limit = _postgresql_limit if connection.vendor == "postgresql" else _sqlite_limit
    with limit(connection, seconds):
        yield


@contextmanager
def _postgresql_limit(connection: BaseDatabaseWrapper, seconds: float) -> Iterator[None]:
    watch = _watch.get()
    _begin(watch, connection, seconds)
    try:
        yield
    finally:
        if not watch.end():
            connection.close()


def _begin(watch: Watch, connection: Any, seconds: float) -> None:
    """Watch a connection. A new one has its own limit, connect_timeout.

    Django would ask it first whether it still works, with the first cursor: a statement more, and
    it may replace the connection by one that is not watched. Our callers try again on a new one.
    """
    connection.ensure_connection()
    connection.health_check_done = True
    watch.begin(connection.connection, seconds)


@contextmanager
def _sqlite_limit(connection: BaseDatabaseWrapper, seconds: float) -> Iterator[None]:
    """SQLite waits for nothing but its lock, and how long is a setting."""
    connection.ensure_connection()
    driver: Any = connection.connection
    before = driver.execute("PRAGMA busy_timeout").fetchone()[0]
    driver.execute(f"PRAGMA busy_timeout = {int(1000 * seconds)}")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(before)}")


def _shut_down(connection: Any) -> None:
    """Shut a psycopg connection's socket down under the thread that waits for it."""
    # Both fail only if the connection has just ended.
    ended = contextlib.suppress(OSError, Error)
    with ended, socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)
