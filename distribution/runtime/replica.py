"""Long reading may go to a copy of the database: DATABASE_REPLICA_URL. Nothing else ever does.

A copy lags behind, so whatever decides or writes reads the database itself. Only what is asked
inside `from_copy`, or of `source`, goes there, and while the copy is away the database answers.
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

_reading: ContextVar[bool] = ContextVar("reading_from_copy", default=False)


class ReadRouter:
    """Django's router: sends reads inside `from_copy` to the copy."""

    def db_for_read(self, _model: type[Model], **_: Any) -> str | None:
        return REPLICA if _reading.get() else None

    def db_for_write(self, _model: type[Model], **_: Any) -> str | None:
        return None

    def allow_relation(self, _one: Model, _other: Model, **_: Any) -> bool | None:
        return True  # rows of the copy are rows of the database

    def allow_migrate(self, db: str, _app: str, **_: Any) -> bool | None:
        return False if db == REPLICA else None


def from_copy(read: Callable[[], Answer]) -> Answer:
    """What `read` finds in the copy, or in the database when there is no copy or it is away.

    `read` must evaluate its queries, and only look: what it decides on may be seconds old.
    """
    if REPLICA not in connections.settings:
        return read()
    try:
        with _routed():
            return read()
    except (OperationalError, InterfaceError) as error:
        log.warning("the database's copy does not serve: %s", type(error).__name__)
        return read()


def source() -> str:
    """The database that a long stream is read from to its end: the copy, if it answers now."""
    return from_copy(_answering)


def _answering() -> str:
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
