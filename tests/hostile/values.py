"""Values that nobody means: in addresses, in their parameters, in forms and in bodies."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

# In the place of an id. The last ones are what Django's admin quotes: `_00` is NUL.
IDS = (
    "abc",
    "²",
    "१२३",
    "0",
    "-1",
    "1.5",
    "1e3",
    "9223372036854775808",
    "100000000000000000000",
    "9" * 4_301,
    "\x00",
    "1\x00",
    "_00",
    "_ZZ",
    "%",
    "'; --",
    "\u202e",
    "\U0001f600",
    "None",
)
# In the place of any value: also what looks like a date, a list, a pattern.
VALUES = (
    *IDS,
    "",
    "0000-00-00",
    "2026-02-30",
    "0001-01-01",
    "9999-12-31",
    "99999-01-01",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "1,2,x",
    ",",
    "(",
    "{name",
    "[]",
    "null",
    "true",
)
SQLITE_SHARE = 4  # PostgreSQL refuses more: it is asked all, SQLite every fourth


def share(values: Sequence[str], turn: int, *, shares: int = 1) -> Sequence[str]:
    """The values for one place: one of so many parts of them, on SQLite of four times as many;
    another one at the next turn."""
    parts = shares if connection.vendor != "sqlite" else shares * SQLITE_SHARE
    return values[turn % parts :: parts]


def each(count: int) -> int:
    """How many values one field or parameter takes."""
    return count if connection.vendor != "sqlite" else max(1, count // SQLITE_SHARE)
