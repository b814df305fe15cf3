"""The hot path: a verified body is on disk before Meta is answered, in one statement."""

from __future__ import annotations

import hashlib
import time
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, Error, InterfaceError, OperationalError, connections
from psycopg import Connection
from psycopg import OperationalError as ConnectionLost
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from phonepool.failpoints import failpoint
from webhooks import masking
from webhooks.models import WebhookEvent
from webhooks.receiving.deadline import limited

STORE_SECONDS = 2.0  # Meta waits longer, but a request thread is worth more than one webhook

_TABLE = WebhookEvent._meta.db_table
_INSERT = (
    f'INSERT INTO "{_TABLE}" (body, digest, secret_no, received_at)'  # noqa: S608 - a constant
    " VALUES (%s, %s, %s, %s) ON CONFLICT (digest) DO NOTHING"
)
_INSERT_LIBPQ = (_INSERT % ("$1", "$2", "$3", "$4")).encode()
_FORMATS = [1, 0, 0, 0]  # the body as bytes, the rest as text


class NotStored(Exception):  # noqa: N818 - an outcome: the sender has to come again
    """The body is not on disk, as far as we know."""


def store(body: bytes, secret_no: int, *, now: datetime) -> bool:
    """Commit a verified body; False when the same one was there already. One statement.

    Raises NotStored when the database refuses, is away, or takes more than two seconds.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]  # once: `connection` looks it up at every dot
    digest = hashlib.sha256(body).hexdigest()
    started = time.monotonic()
    try:
        try:
            stored = _insert(database, body, digest, secret_no, now)
        except (OperationalError, InterfaceError):
            # Perhaps only a connection that went stale between two requests: once more, anew.
            if database.in_atomic_block or time.monotonic() - started > STORE_SECONDS / 4:
                raise
            database.close()
            stored = _insert(database, body, digest, secret_no, now)
    except Error as error:
        raise NotStored(masking.first_line(error)) from error
    failpoint("after_store")
    return stored


def _insert(database: Any, body: bytes, digest: str, secret_no: int, now: datetime) -> bool:
    # A second try is cheaper than asking "are you there?" before each of 2 000 a second.
    database.health_check_done = True
    watched = database.execute_wrappers or database.queries_logged  # somebody counts statements
    with limited(database, STORE_SECONDS):
        if database.vendor == "postgresql" and not watched and not database.in_atomic_block:
            texts = [digest.encode(), b"%d" % secret_no, now.isoformat().encode()]
            with database.wrap_database_errors:
                return _insert_by_libpq(database.connection, [body, *texts])
        row = (body, digest, secret_no, database.ops.adapt_datetimefield_value(now))
        with database.cursor() as cursor:
            cursor.execute(_INSERT, row)
            return bool(cursor.rowcount)


def _insert_by_libpq(session: Connection[Any], row: list[bytes]) -> bool:
    """The same statement by a single call in C: through two cursors it would cost 160 µs more,
    as much as everything else that we do about a webhook. It commits by itself."""
    result = session.pgconn.exec_params(_INSERT_LIBPQ, row, None, _FORMATS)
    if result.status != ExecStatus.COMMAND_OK:
        # A lost connection has no code from which psycopg could tell it from other errors.
        told = error_from_result(result)
        raise ConnectionLost(str(told)) if session.closed else told
    return bool(result.command_tuples)
