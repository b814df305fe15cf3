"""Long reads may go to a replica of the database, DATABASE_REPLICA_URL; nothing else does.

A replica lags behind, so code that decides or writes reads the database itself. Only queries
inside `read_from_replica`, or of the alias that `stream_alias` returns, go there; while the replica
is away the database answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from django.db.models import Model

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
REPLICA = "replica"

_reading: ContextVar[bool] = ContextVar("reading_from_replica", default=False)


class ReadRouter:
    """Django's router: sends reads inside `read_from_replica` to the replica."""

    def db_for_read(self, _model: type[Model], **_: Any) -> str | None:
        return REPLICA if _reading.get() else None

    def db_for_write(self, _model: type[Model], **_: Any) -> str | None:
        return None

    def allow_relation(self, _one: Model, _other: Model, **_: Any) -> bool | None:
        return True  # rows of the replica are rows of the database

    def allow_migrate(self, db: str, _app: str, **_: Any) -> bool | None:
        return False if db == REPLICA else None


def read_from_replica(read: Callable[[], Answer]) -> Answer:
    """What `read` returns from the replica, or from the database when there is none or it is away.

    `read` must evaluate its queries and only display them: they may be seconds old.
    """
    if REPLICA not in connections.settings:
        return read()
    try:
        with _routed():
            return read()
    except (OperationalError, InterfaceError) as error:
        log.warning("the database's copy does not serve: %s", type(error).__name__)
        return read()


def stream_alias() -> str:
    """The database that a long stream is read from to its end: the replica, if it answers now."""
    return read_from_replica(_alias_that_answers)


def _alias_that_answers() -> str:
    if not _reading.get():
        return DEFAULT_DB_ALIAS
    with connections[REPLICA].cursor() as cursor:
        cursor.execute("SELECT 1")
    return REPLICA


@contextmanager
def _routed() -> Iterator[None]:
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)
