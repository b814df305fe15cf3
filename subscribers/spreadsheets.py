"""Cells for spreadsheets: text that would be run as a formula is escaped.

A leading apostrophe says "this is text". Files that come back carry it, so it is taken off again.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

BYTE_ORDER_MARK = "\ufeff"  # by which Excel knows UTF-8
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
_WIDE_STARTS = ("＝", "＋", "－", "＠")  # some programs read the full-width forms as the plain ones


def escape_formula(text: str) -> str:
    """`text` as a cell that no spreadsheet takes for a formula."""
    bare = text.lstrip("'")  # what is written with an apostrophe must come back with it
    return f"'{text}" if bare.startswith(FORMULA_STARTS + _WIDE_STARTS) else text


def unescape_formula(cell: str) -> str:
    """The reverse of `escape_formula`: the cell without its apostrophe."""
    return cell[1:] if cell[:1] == "'" and escape_formula(cell[1:]) == cell else cell


def csv_lines(rows: Iterable[Iterable[str]], *, are_escaped: bool = False) -> Iterator[str]:
    """A CSV file line by line, formulas escaped; the byte order mark comes first."""
    writer = csv.writer(_Echo())
    yield BYTE_ORDER_MARK
    for row in rows:
        yield writer.writerow(row if are_escaped else map(escape_formula, row))


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text
