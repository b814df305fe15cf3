"""The tables whose writes are stamped, and the triggers that do it.

The database itself stamps: whoever writes, a bulk statement, an import, a webhook or a person with
psql, cannot forget it, and a rollback takes the stamp back with the rest.
"""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.db.models import Count, Max, Sum

from distribution.models import TableStamp

# By table: the columns whose change counts. None: any column.
COLUMNS: dict[str, tuple[str, ...] | None] = {
    "subscribers_subscriber": ("phone", "tier", "status", "language", "attributes"),
    "distribution_messagetemplate": None,
    "distribution_content": None,
    "distribution_approval": None,
    "distribution_dailysignals": None,
    "phonepool_waba": ("meta_id",),
    "auth_user": ("username",),
}
TOKENS = 2**48  # thousands of them add up to less than 2**63
STAMPS = "distribution_tablestamp"

POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION stamp_table() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {schema}.{stamps} (name, token)
    VALUES (TG_TABLE_NAME, (random() * ({tokens} - 1))::bigint);
    RETURN NULL;
END $$
"""
POSTGRESQL = (
    'CREATE OR REPLACE TRIGGER "{table}_stamp" AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE{of}'
    ' ON "{table}" FOR EACH STATEMENT EXECUTE FUNCTION stamp_table()'
)
# SQLite has triggers of rows only: a million rows update one stamp a million times.
SQLITE = """
CREATE TRIGGER "{table}_stamp_{act}" AFTER {event} ON "{table}" {condition} BEGIN
    UPDATE {stamps} SET token = abs(random() % {tokens}) WHERE name = '{table}';
    INSERT INTO {stamps} (name, token) SELECT '{table}', abs(random() % {tokens})
    WHERE NOT EXISTS (SELECT 1 FROM {stamps} WHERE name = '{table}');
END
"""


def stamp(*tables: str) -> tuple[tuple[str, int, int], ...]:
    """Changes with each committed write of one of these tables. One small query.

    Read it before the tables: what is written in between is then read twice, never missed.
    """
    rows = TableStamp.objects.filter(name__in=tables).order_by("name")
    return tuple(rows.values_list("name").annotate(Count("pk"), Sum("token")))


def forget_old() -> int:
    """Delete all stamps but the latest of each table; how many."""
    latest = TableStamp.objects.order_by().values("name").annotate(last=Max("pk"))
    return sum(
        TableStamp.objects.filter(name=row["name"], pk__lt=row["last"]).delete()[0]
        for row in latest
    )


def watch(using: str = "default", **_signal: Any) -> None:
    """Make the triggers. After each migration: SQLite loses them when it rebuilds a table."""
    connection = connections[using]
    with connection.cursor() as cursor:
        known = set(connection.introspection.table_names(cursor))
        if not known.issuperset([STAMPS, *COLUMNS]):  # migrated to an older state
            return
        if connection.vendor == "postgresql":
            _watch_postgresql(cursor)
        else:
            _watch_sqlite(cursor)


def _watch_postgresql(cursor: CursorWrapper) -> None:
    """Only what is missing: an application that finds everything migrated need not be the owner."""
    cursor.execute("SELECT tgname FROM pg_trigger")
    known = {name for (name,) in cursor.fetchall()}
    if known.issuperset(f"{table}_stamp" for table in COLUMNS):
        return
    cursor.execute("SELECT quote_ident(current_schema())")
    named = {"schema": cursor.fetchone()[0], "stamps": STAMPS, "tokens": TOKENS}
    cursor.execute(POSTGRESQL_FUNCTION.format(**named))
    for table, columns in COLUMNS.items():
        names = ", ".join(f'"{column}"' for column in columns or ())
        cursor.execute(POSTGRESQL.format(table=table, of=f" OF {names}" if names else ""))


def _watch_sqlite(cursor: CursorWrapper) -> None:
    for table, columns in COLUMNS.items():
        names = [f'"{column}"' for column in columns or ()]
        changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in names)
        events = {
            "insert": ("INSERT", ""),
            "delete": ("DELETE", ""),
            "update": (
                f"UPDATE OF {', '.join(names)}" if names else "UPDATE",
                f"WHEN {changed}" if names else "",
            ),
        }
        for act, (event, condition) in events.items():
            cursor.execute(f'DROP TRIGGER IF EXISTS "{table}_stamp_{act}"')
            named = {"table": table, "stamps": STAMPS, "tokens": TOKENS}
            cursor.execute(SQLITE.format(act=act, event=event, condition=condition, **named))
