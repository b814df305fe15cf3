"""Turns the table of deliveries into a partitioned one: docs/adr/0020.

Nothing is copied: the table becomes the first partition. Two indexes are built beside the running
system; one transaction does the rest under a lock, in which the table is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from distribution.ledger.partitions import ahead, functions
from distribution.ledger.partitions.catalogue import Constraint, Shape, shape_of
from distribution.models import Distribution
from distribution.models.distributions import RUNNING
from distribution.runtime import partitions
from distribution.runtime.partitions import TABLE

PAST = f"{TABLE}_past"
LOCK_SECONDS = 5
# Careful estimates; tests/load/partition_bench.py shows what a conversion takes.
READ_ROWS_PER_SECOND = 5_000_000
INDEXED_ROWS_PER_SECOND = 700_000

Tell = Callable[[str], object]


class ConversionRefusedError(Exception):
    """Why the table is not converted now, in one sentence."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the conversion will do."""

    shape: Shape
    end: int  # the existing table takes all distributions below it

    def sentences(self) -> Iterator[str]:
        rows = self.shape.rows
        yield (
            f"The table has about {rows:,} rows. It becomes the partition {PAST}, for all "
            f"distributions below {self.end}; {ahead.AHEAD} more of {ahead.DISTRIBUTIONS_EACH} "
            "distributions each follow."
        )
        yield (
            f"Before, {len(self._to_build())} indexes are built beside the running system, in "
            f"about {_seconds(rows * len(self._to_build()), INDEXED_ROWS_PER_SECOND)}."
        )
        yield (
            "Then the table is locked for reading and writing for about "
            f"{_seconds(rows, READ_ROWS_PER_SECOND)}."
        )
        tables = ", ".join(sorted({table for table, _ in self.shape.referring}))
        yield f"Foreign keys to deliveries end, of {tables}; check_integrity checks them instead."

    def _to_build(self) -> list[Constraint]:
        return [one for one in self.shape.keys if not one.contains_key]


def _seconds(rows: int, rate: int) -> str:
    seconds = max(1, round(rows / rate))
    return f"{seconds} second{'s' if seconds > 1 else ''}"


def plan() -> Plan:
    """What would be done. Raises ConversionRefusedError with the reason if it cannot be."""
    if connection.vendor != "postgresql":
        raise ConversionRefusedError(
            "Only PostgreSQL has partitions, and this installation runs on SQLite."
        )
    if connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):  # DATABASE_POOLED
        raise ConversionRefusedError("Run this command past PgBouncer, as you run migrate.")
    if partitions.read():
        raise ConversionRefusedError("The deliveries are in partitions already.")
    shape = shape_of(TABLE)
    if not shape.owned:
        raise ConversionRefusedError(
            "Only the owner of the tables can do this: run it with the DATABASE_URL of migrate."
        )
    if shape.in_the_way:
        names = ", ".join(shape.in_the_way)
        raise ConversionRefusedError(
            f"These depend on the table of deliveries, remove them: {names}."
        )
    _refuse_while_running()
    return Plan(shape, ahead.begins_after(ahead.newest_distribution()))


def _refuse_while_running() -> None:
    running = Distribution.objects.filter(state__in=RUNNING).order_by("pk").first()
    running = running or Distribution.objects.filter(preparing=True).order_by("pk").first()
    if running is not None:
        raise ConversionRefusedError(f"{running} is open. Run this command when it has ended.")


def convert(tell: Tell) -> None:
    """Convert the table. What is interrupted before its end is resumed by the next call."""
    found = plan()
    with connection.cursor() as cursor:
        # CREATE INDEX CONCURRENTLY waits for open transactions but does not block other sessions.
        cursor.execute("SET statement_timeout = 0; SET lock_timeout = 0")
        try:
            for key in found.shape.keys:
                if not key.contains_key:
                    tell(f"Building the index of {key.name}.")
                    _build(cursor, key)
            tell("Converting the table.")
            _convert(cursor)
        finally:
            cursor.execute("RESET statement_timeout; RESET lock_timeout")
    partitions.read()


def _build(cursor: CursorWrapper, key: Constraint) -> None:
    """Build the index without blocking writers; replace one that an earlier call left invalid."""
    name = _built(key)
    cursor.execute(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [f"public.{name}"]
    )
    row = cursor.fetchone()
    if row == (True,):
        return
    if row is not None:
        cursor.execute(f'DROP INDEX CONCURRENTLY public."{name}"')
    columns = ", ".join(f'"{column}"' for column in key.with_partition_key)
    beside = "" if connection.in_atomic_block else "CONCURRENTLY"
    cursor.execute(f'CREATE UNIQUE INDEX {beside} "{name}" ON public.{TABLE} ({columns})')


def _built(key: Constraint) -> str:
    return f"{key.name[:50]}_parted"


def _past(name: str) -> str:
    return f"{name[:58]}_past"


def _convert(cursor: CursorWrapper) -> None:
    with transaction.atomic():
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        cursor.execute("LOCK TABLE distribution_distribution IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        found = plan()  # what changed since is seen now, and nothing changes any more
        shape = found.shape
        next_id = _end_identity(cursor)
        for table, name in shape.referring:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        _put_away(cursor, shape)
        _make_parent(cursor, shape, next_id)
        cursor.execute(
            f"ALTER TABLE {TABLE} ATTACH PARTITION {PAST} "
            f"FOR VALUES FROM (MINVALUE) TO ({found.end:d})"
        )
        for function in functions.ALL:
            cursor.execute(function)
        ahead.make_missing()


def _end_identity(cursor: CursorWrapper) -> int:
    """Take the numbering of ids from the table; the next id."""
    cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [TABLE])
    (sequence,) = cursor.fetchone()
    cursor.execute(f"SELECT last_value + is_called::int FROM {sequence}")  # noqa: S608
    (next_id,) = cursor.fetchone()
    cursor.execute(f"ALTER TABLE {TABLE} ALTER COLUMN id DROP IDENTITY")
    return int(next_id)


def _put_away(cursor: CursorWrapper, shape: Shape) -> None:
    """Rename the table, and what the parent will have under the same names."""
    cursor.execute(f"ALTER TABLE {TABLE} RENAME TO {PAST}")
    for name in shape.indexes:
        cursor.execute(f'ALTER INDEX "{name}" RENAME TO "{_past(name)}"')
    for key in shape.keys:
        kind = "PRIMARY KEY" if key.primary else "UNIQUE"
        if key.contains_key:
            rename = f'RENAME CONSTRAINT "{key.name}" TO "{_past(key.name)}"'
            cursor.execute(f"ALTER TABLE {PAST} {rename}")
            continue
        cursor.execute(
            f'ALTER TABLE {PAST} DROP CONSTRAINT "{key.name}", '
            f'ADD CONSTRAINT "{_past(key.name)}" {kind} USING INDEX "{_built(key)}"'
        )


def _make_parent(cursor: CursorWrapper, shape: Shape, next_id: int) -> None:
    cursor.execute(
        f"CREATE TABLE {TABLE} (LIKE {PAST} INCLUDING DEFAULTS INCLUDING CONSTRAINTS "
        "INCLUDING STORAGE INCLUDING COMPRESSION INCLUDING COMMENTS) "
        "PARTITION BY RANGE (distribution_id)"
    )
    cursor.execute(f'ALTER TABLE {TABLE} OWNER TO "{shape.owner}"')
    cursor.execute(
        f"ALTER TABLE {TABLE} ALTER COLUMN id "
        f"ADD GENERATED BY DEFAULT AS IDENTITY (START WITH {next_id:d})"
    )
    for key in shape.keys:
        kind = "PRIMARY KEY" if key.primary else "UNIQUE"
        columns = ", ".join(f'"{column}"' for column in key.with_partition_key)
        cursor.execute(f'ALTER TABLE {TABLE} ADD CONSTRAINT "{key.name}" {kind} ({columns})')
    for definition in (*shape.foreign_keys, *shape.indexes.values(), *shape.grants):
        cursor.execute(definition)
