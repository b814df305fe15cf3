"""Values that nobody means: in addresses, in their parameters, in forms and in bodies."""

from __future__ import annotations

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
