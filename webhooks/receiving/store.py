"""The hot path: a verified body is on disk before Meta is answered, in one statement."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, Error, InterfaceError, OperationalError, connections

from distribution.runtime.background import PerProcess
from phonepool.failpoints import failpoint
from webhooks import masking
from webhooks.models import WebhookEvent
from webhooks.receiving import places, repeats
from webhooks.receiving.deadline import time_limit
from webhooks.receiving.gathering import Gatherer, TookTooLong

STORE_SECONDS = 2.0  # Meta waits longer, but a request thread is worth more than one webhook
SHORTEST_SECONDS = 0.2  # for a group whose last one has waited for another group for so long
GROUP_LIMIT = 64  # webhooks stored by one statement
PAUSE_SECONDS = 0.002  # in a crowd, for more to come; several times while they do
GROUPED_BYTES = 64 * 1024  # of a body; a longer one is stored alone, or a group would take memory

_TABLE = WebhookEvent._meta.db_table
_COLUMNS = "body, digest, secret_no, received_at"
_VALUES = "(%s, %s, %s, %s)"
_NEW = "ON CONFLICT (digest) DO NOTHING RETURNING digest"
_INSERT = f'INSERT INTO "{_TABLE}" ({_COLUMNS}) VALUES %s {_NEW}'  # noqa: S608 - a constant
_INSERT_UNLESS_RECENT = (
    f'INSERT INTO "{_TABLE}" ({_COLUMNS})'  # noqa: S608 - a constant
    " SELECT %s, %s, %s, %s WHERE NOT EXISTS"
    f' (SELECT 1 FROM "{_TABLE}" WHERE digest = %s AND received_at > %s)'
    f" {_NEW}"
)


class NotStored(Exception):  # noqa: N818 - an outcome: the sender has to come again
    """The body is not on disk, as far as is known here."""


def store(body: bytes, secret_no: int, *, now: datetime) -> bool:
    """Commit a verified body; False when the same one was there already. One statement, for all
    that come at the same moment.

    Raises NotStored when the database refuses, is unreachable, or takes more than two seconds.
    """
    identity = repeats.identify(body, now)
    row = _Row(body, identity.digest, secret_no, now, identity.earlier, time.monotonic())
    if identity.earlier or len(body) > GROUPED_BYTES:
        (stored,) = _store_all([row])
    else:
        try:
            stored = _gatherer.get().submit(row, seconds=STORE_SECONDS)
        except TookTooLong:
            raise NotStored(f"those before it took more than {STORE_SECONDS:g} s") from None
    if isinstance(stored, NotStored):
        raise stored
    failpoint("after_store")
    return stored


class _Row(NamedTuple):
    body: bytes
    digest: str
    secret_no: int
    received_at: datetime
    earlier: str  # a digest that must not have been stored lately
    came: float  # by the monotonic clock


def _store_all(rows: Sequence[_Row]) -> list[bool | NotStored]:
    """Of each row whether it is new, or why it is not stored: for a failure of the database all
    of them, else, each tried alone, those that it refuses."""
    try:
        return list(_commit(rows))
    except (OperationalError, InterfaceError) as error:
        return [NotStored(masking.first_line(error)) for _ in rows]
    except Error as error:
        if len(rows) == 1:
            return [NotStored(masking.first_line(error))]
        return [_store_all([row])[0] for row in rows]


def _commit(rows: Sequence[_Row]) -> list[bool]:
    database: Any = connections[DEFAULT_DB_ALIAS]
    started = time.monotonic()
    # The others wait no longer than they gave it; the last one's thread is the one that is here.
    seconds = max(STORE_SECONDS - (started - rows[-1].came), SHORTEST_SECONDS)
    try:
        return _insert(database, rows, seconds)
    except (OperationalError, InterfaceError):
        # A connection may go stale between two requests: try once more on a new one.
        if database.in_atomic_block or time.monotonic() - started > STORE_SECONDS / 4:
            raise
        database.close()
        return _insert(database, rows, seconds)


def _insert(database: Any, rows: Sequence[_Row], seconds: float) -> list[bool]:
    stored_as = database.ops.adapt_datetimefield_value
    # In one order, or two processes that were sent the same webhooks could deadlock.
    ordered = sorted(rows, key=lambda row: row.digest)
    given = [v for row in ordered for v in (*row[:3], stored_as(row.received_at))]
    statement = _INSERT % ", ".join([_VALUES] * len(rows))
    if rows[0].earlier:  # it is alone
        since = stored_as(rows[0].received_at - repeats.REPEAT_PERIOD)
        statement, given = _INSERT_UNLESS_RECENT, [*given, rows[0].earlier, since]
    with time_limit(database, seconds), database.cursor() as cursor:
        cursor.execute(statement, given)
        new = {digest for (digest,) in cursor.fetchall()}
    return [_take(new, row.digest) for row in rows]


def _take(digests: set[str], digest: str) -> bool:
    """Whether it was among them, which it is no more: of two equal webhooks one is new."""
    if digest not in digests:
        return False
    digests.remove(digest)
    return True


# More than have places cannot come together.
_gatherer = PerProcess(
    lambda: Gatherer(_store_all, limit=min(GROUP_LIMIT, places.LIMIT.places), pause=PAUSE_SECONDS)
)
