"""Statements that may take up to ten minutes instead of the connection's 15 seconds.

A million deliveries on a busy machine take longer than 15 s to insert, count or check. SQLite has
no such limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

SET_TIMEOUT = "SET LOCAL statement_timeout = '10min'"


def allow_long_statements() -> None:
    """Raise the limit to the end of the current transaction, its COMMIT included, which checks
    foreign keys."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(SET_TIMEOUT)


@contextmanager
def long_statements() -> Iterator[None]:
    """A transaction with the raised limit. On SQLite none is opened: it would block all writers."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        allow_long_statements()
        yield
