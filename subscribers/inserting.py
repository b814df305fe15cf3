"""Many new rows at once: a list of 100 000 people is read in by it.

Django's `bulk_create` costs about 200 µs a row of these tables, nearly all of it in preparing
one value at a time; this costs about 20. SQLite prepares one statement and takes row after row;
PostgreSQL, where each would be a way there and back, takes all of them as one JSON document.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import connection, models

if TYPE_CHECKING:
    AnyField = models.Field[Any, Any]


def insert(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    passing_over: bool = False,
) -> None:
    """Insert `rows`, each with the values of `columns`, in their order; nothing is checked first.

    Other columns get the model's defaults. `passing_over`: a row that breaks a unique promise is
    left out, else IntegrityError. Keys are not returned.
    """
    if not rows:
        return
    fields = {field.attname: field for field in model._meta.concrete_fields}
    given = [fields[name] for name in columns]
    absent = [
        field for name, field in fields.items() if name not in columns and not field.primary_key
    ]
    defaults = [_spell(field)(field.get_default()) for field in absent]
    start = f"INSERT INTO {_quote(model._meta.db_table)} ({_names([*given, *absent])})"
    end = " ON CONFLICT DO NOTHING" if passing_over else ""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            source = _record(given, len(absent))
            cursor.execute(f"{start} {source}{end}", [*defaults, _document(given, rows)])
        else:
            places = ", ".join(["%s"] * (len(given) + len(absent)))
            cursor.executemany(f"{start} VALUES ({places}){end}", _values(given, rows, defaults))


def _record(given: Sequence[AnyField], absent: int) -> str:
    """A query whose parameters are one value for each absent column and the document."""
    chosen = ", ".join([_names(given, "r."), *["%s"] * absent])
    types = ", ".join(f"{_names([field])} {field.db_type(connection)}" for field in given)
    return f"SELECT {chosen} FROM json_to_recordset(%s::json) AS r({types})"  # noqa: S608


def _document(given: Sequence[AnyField], rows: Sequence[Sequence[Any]]) -> str:
    names = [field.column for field in given]
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=_iso)


def _values(
    given: Sequence[AnyField], rows: Sequence[Sequence[Any]], defaults: Sequence[Any]
) -> list[list[Any]]:
    spellers = [_spell(field) for field in given]
    return [
        [*(spell(value) for spell, value in zip(spellers, row, strict=True)), *defaults]
        for row in rows
    ]


def _names(fields: Sequence[AnyField], before: str = "") -> str:
    return ", ".join(before + _quote(str(field.column)) for field in fields)


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)


def _spell(field: AnyField) -> Callable[[Any], Any]:
    """How the database's driver takes values of `field`."""
    if isinstance(field, models.JSONField):
        return json.dumps
    if isinstance(field, models.DateTimeField):
        return _moment
    return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


@lru_cache(64)  # all rows share `now`
def _moment(value: datetime | None) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


@lru_cache(64)
def _iso(value: datetime) -> str:
    return value.isoformat()
