"""The hot path: a verified body is on disk before Meta is answered, in one statement."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, Error, InterfaceError, OperationalError, connections

from phonepool.failpoints import failpoint
from webhooks import masking
from webhooks.models import WebhookEvent
from webhooks.receiving import repeats
from webhooks.receiving.deadline import time_limit

STORE_SECONDS = 2.0  # Meta waits longer, but a request thread is worth more than one webhook

_TABLE = WebhookEvent._meta.db_table
_COLUMNS = "body, digest, secret_no, received_at"
_INSERT = (
    f'INSERT INTO "{_TABLE}" ({_COLUMNS})'  # noqa: S608 - a constant
    " VALUES (%s, %s, %s, %s) ON CONFLICT (digest) DO NOTHING"
)
_INSERT_UNLESS_RECENT = (
    f'INSERT INTO "{_TABLE}" ({_COLUMNS})'  # noqa: S608 - a constant
    " SELECT %s, %s, %s, %s WHERE NOT EXISTS"
    f' (SELECT 1 FROM "{_TABLE}" WHERE digest = %s AND received_at > %s)'
    " ON CONFLICT (digest) DO NOTHING"
)


class NotStored(Exception):  # noqa: N818 - an outcome: the sender has to come again
    """The body is not on disk, as far as is known here."""


def store(body: bytes, secret_no: int, *, now: datetime) -> bool:
    """Commit a verified body; False when the same one was there already. One statement.

    Raises NotStored when the database refuses, is unreachable, or takes more than two seconds.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    identity, stored_as = repeats.identify(body, now), database.ops.adapt_datetimefield_value
    statement = _INSERT
    row: tuple[object, ...] = (body, identity.digest, secret_no, stored_as(now))
    if identity.earlier:
        statement = _INSERT_UNLESS_RECENT
        row += (identity.earlier, stored_as(now - repeats.REPEAT_PERIOD))
    started = time.monotonic()
    try:
        try:
            stored = _insert(database, statement, row)
        except (OperationalError, InterfaceError):
            # A connection may go stale between two requests: try once more on a new one.
            if database.in_atomic_block or time.monotonic() - started > STORE_SECONDS / 4:
                raise
            database.close()
            stored = _insert(database, statement, row)
    except Error as error:
        raise NotStored(masking.first_line(error)) from error
    failpoint("after_store")
    return stored


def _insert(database: Any, statement: str, row: tuple[object, ...]) -> bool:
    with time_limit(database, STORE_SECONDS), database.cursor() as cursor:
        cursor.execute(statement, row)
        return bool(cursor.rowcount)
