"""Whether PostgreSQL limits the time of our statements, locks and transactions.

We ask for limits with each connection. PgBouncer refuses such a request, or drops it without a
word, so behind it the database role has to have them. Without them one statement that hangs holds
its rows for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.utils.translation import gettext as _

from config.settings.databases import TIMEOUTS

ID = "daybreak.E012"
NO_LIMIT = "0"

log = logging.getLogger(__name__)
_looked_at: set[str] = set()  # aliases whose limits this process knows


class Missing(NamedTuple):
    """What was seen, and what to do about it."""

    seen: str
    to_do: str

    def __str__(self) -> str:
        return f"{self.seen}: {self.to_do}."


def missing(connection: BaseDatabaseWrapper) -> Missing | None:
    """Which limits the sessions of this connection lack; None if they have all."""
    if connection.vendor != "postgresql":
        return None
    asked = ", ".join(f"current_setting('{name}')" for name in TIMEOUTS)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT current_user, {asked}")
        role, *limits = cursor.fetchone()
    lacking = [name for name, now in zip(TIMEOUTS, limits, strict=True) if now == NO_LIMIT]
    if not lacking:
        return None
    name = connection.ops.quote_name(role)
    cures = " ".join(f"ALTER ROLE {name} SET {one} = '{TIMEOUTS[one]}';" for one in lacking)
    pooled = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
    also = "" if pooled else ", and set DATABASE_POOLED=true"
    seen = "PgBouncer passes no time limits on, and the database role %(role)s has no %(names)s"
    to_do = "run %(cures)s in PostgreSQL, then RECONNECT; in PgBouncer%(also)s"
    return Missing(
        _(seen) % {"role": role, "names": ", ".join(lacking)},
        _(to_do) % {"cures": cures, "also": also},
    )


@register(Tags.database)
def time_limits(databases: Sequence[str] | None = None, **__: Any) -> list[CheckMessage]:
    """An error for each of the databases that has no limits. `migrate` and `manage.py up` stop at
    it; `check --database default` shows it."""
    found = [missing(connections[alias]) for alias in databases or []]
    return [Error(str(one), id=ID) for one in found if one]


def look_once(connection: BaseDatabaseWrapper, **__: Any) -> None:
    """Each process checks its first connection and continues in any case: sending without time
    limits is better than not sending."""
    if connection.alias in _looked_at:
        return
    _looked_at.add(connection.alias)
    try:
        found = missing(connection)
    except DatabaseError:
        return  # the statement that needed the connection fails, too, and reports it
    if found:
        log.error(str(found))


connection_created.connect(look_once)
