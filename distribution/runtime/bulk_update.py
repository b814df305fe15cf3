"""One UPDATE for many rows with different values, with the same result on both databases.

Django's `bulk_update` costs about 400 µs a row (a CASE per column). Joining the values in costs 20
to 30, whatever the number of rows: `tests/load/bulk_update_bench.py`. Only a table that PostgreSQL
believes to be empty is joined the other way round: see `runtime/statistics.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, models

from distribution.runtime import partitions
from distribution.runtime.binary_cursor import binary_cursor

OF_DISTRIBUTION = "of_distribution"  # a column of `v`
# PostgreSQL's type of each kind of value; SQLite needs none.
COLUMN_TYPES: dict[type, str] = {int: "bigint", str: "text", datetime: "timestamptz"}

SQL = {
    # Each array stands behind a SELECT: PostgreSQL cannot see its length there, assumes ten rows,
    # and always goes from the values to the primary key. With a visible length it may read the
    # whole table instead; with `id = ANY(ids)` it searches the array again for each row, so that
    # the cost per row grows with their number (938 µs at 20,000 rows, here 25).
    "postgresql": """
        UPDATE {table} AS d SET {assign}
          FROM (SELECT v.* FROM unnest({arrays}) AS v({names}) {lock}) AS v
         WHERE d.id = v.id{within} AND ({where})
    """,
    # The planner goes from the values to the rows unaided, and the transaction is the lock.
    "sqlite": """
        UPDATE {table} AS d SET {assign} FROM (SELECT {picked} FROM json_each(%(values)s)) AS v
         WHERE d.id = v.id AND ({where})
    """,
}
# Rows are locked in the order of their keys, as by every statement over many rows: two statements
# that take the same rows in different orders would deadlock.
LOCK = "JOIN {table} AS locked ON locked.id = v.id{within} ORDER BY locked.id FOR UPDATE OF locked"


def update_from(
    model: type[models.Model],
    *,
    columns: Mapping[str, type],
    rows: Sequence[Mapping[str, Any]],
    assign: str,
    where: str,
    given: Mapping[str, Any] | None = None,
    locked: bool = False,
    distributions: Sequence[int] = (),
) -> int:
    """Update rows `d` of `model` from rows `v`, joined on `id`; return how many changed.

    `columns` names the keys of each row and their kind (int, str, datetime; None is allowed);
    `assign` and `where` are constant SQL over `d.`, `v.` and `%(…)s` for what is `given` alike
    for all rows, and never hold data. `locked`: this transaction has locked the rows already.
    `distributions`: of deliveries, that of each row. If there are partitions, only those of these
    distributions are looked at.
    """
    if not rows:
        return 0
    if distributions and partitions.is_partitioned():
        columns = {**columns, OF_DISTRIBUTION: int}
        pairs = zip(rows, distributions, strict=True)
        rows = [{**row, OF_DISTRIBUTION: of} for row, of in pairs]
    postgresql = connection.vendor == "postgresql"
    values = _arrays(columns, rows) if postgresql else {"values": _json_array(columns, rows)}
    sql = _statement(
        model, columns, assign=assign, where=where, locked=locked, distributions=distributions
    )
    with binary_cursor() as cursor:
        cursor.execute(sql, {**_adapted_values(given or {}), **values})
        return int(cursor.rowcount)


def _statement(
    model: type[models.Model],
    columns: Mapping[str, type],
    *,
    assign: str,
    where: str,
    locked: bool,
    distributions: Sequence[int],
) -> str:
    table = connection.ops.quote_name(model._meta.db_table)
    own = f" AND {{}}.distribution_id = v.{OF_DISTRIBUTION}" if OF_DISTRIBUTION in columns else ""
    within = {
        alias: own.format(alias) + partitions.within_sql(distributions, alias)
        for alias in ("d", "locked")
    }
    return SQL[connection.vendor].format(
        table=table,
        assign=assign,
        where=where,
        within=within["d"],
        lock="" if locked else LOCK.format(table=table, within=within["locked"]),
        names=", ".join(columns),
        arrays=", ".join(
            f"(SELECT %(values_{name})b::{COLUMN_TYPES[kind]}[])" for name, kind in columns.items()
        ),
        picked=", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in columns),
    )


def _arrays(columns: Mapping[str, type], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {f"values_{name}": [row[name] for row in rows] for name in columns}


def _json_array(columns: Mapping[str, type], rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as JSON; times as SQLite stores them."""
    # Many times are alike: webhooks carry whole seconds, and `now` is the same for all rows.
    stored: dict[datetime, str] = {}
    json_rows = [{name: row[name] for name in columns} for row in rows]
    for name, kind in columns.items():
        if kind is datetime:
            for row in json_rows:
                if (moment := row[name]) is not None:
                    if moment not in stored:
                        stored[moment] = str(_adapted(moment))
                    row[name] = stored[moment]
    return json.dumps(json_rows)


def _adapted_values(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _adapted(value) if isinstance(value, datetime) else value
        for name, value in given.items()
    }


def _adapted(moment: datetime) -> Any:
    """A time as this database stores it."""
    return connection.ops.adapt_datetimefield_value(moment)
