"""A limit in time on one database call, which holds even if the server is frozen.

Neither statement timeouts nor keepalives end a call to a frozen PostgreSQL (its kernel still
acknowledges). So a thread watches the calls and shuts down the socket of one that takes too
long: the waiting call fails at once, and its connection is thrown away.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from threading import Lock, get_ident
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Error

from distribution.runtime.background import BackgroundJob, PerProcess

LOOK_SECONDS = 0.1


class Watch:
    """The calls under way in this process, and the thread that ends those that take too long."""

    def __init__(self) -> None:
        self.calls: dict[int, tuple[float, Any]] = {}  # by thread: its end, its psycopg connection
        # Held while a socket is shut down, so that its connection cannot be closed, and its
        # number given to another one, meanwhile.
        self.lock = Lock()
        BackgroundJob("database deadline", self._run).start()

    def _run(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            if self.calls:
                self._end_late_ones()

    def _end_late_ones(self) -> None:
        now = time.monotonic()
        with self.lock:
            for key, (end, connection) in list(self.calls.items()):
                if end < now:
                    del self.calls[key]
                    _hang_up(connection)


_watch = PerProcess(Watch)


class limited:  # noqa: N801 - used like a function; a class is three times as fast
    """Makes database calls in the `with` block fail once `seconds` have passed."""

    __slots__ = ("connection", "key", "patience", "seconds", "watch")

    def __init__(self, connection: BaseDatabaseWrapper, seconds: float) -> None:
        self.connection, self.seconds = connection, seconds

    def __enter__(self) -> None:
        self.connection.ensure_connection()  # has its own limit, connect_timeout
        # The driver's own connection: Django's name for it means another one in another thread.
        driver: Any = self.connection.connection
        if self.connection.vendor == "postgresql":
            self.watch, self.key = _watch.get(), get_ident()
            self.watch.calls[self.key] = (time.monotonic() + self.seconds, driver)
        else:  # SQLite waits for nothing but its lock, and how long is a setting
            self.patience = driver.execute("PRAGMA busy_timeout").fetchone()[0]
            driver.execute(f"PRAGMA busy_timeout = {int(1000 * self.seconds)}")

    def __exit__(self, *_: object) -> None:
        if self.connection.vendor == "postgresql":
            with self.watch.lock:
                in_time = self.watch.calls.pop(self.key, None)
            if in_time is None:
                self.connection.close()
        else:
            driver: Any = self.connection.connection
            driver.execute(f"PRAGMA busy_timeout = {int(self.patience)}")


def _hang_up(connection: Any) -> None:
    """Shut a psycopg connection's socket down under the thread that waits for it."""
    # Both fail only if the connection has just ended by itself.
    gone = contextlib.suppress(OSError, Error)
    with gone, socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)
