"""JSON lines to records: an object on each line, its names are the columns.

Two passes like the reader of CSV: the first collects the names, the second reads line by line,
so memory stays flat. Values are texts, numbers, true, false or null; `attributes` may be an
object of such values, and each of its names is a column.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TextIO

from django.utils.translation import gettext as _

from subscribers.importing.tables.records import (
    MAX_COLUMNS,
    TOO_LONG,
    TOO_MANY_COLUMNS,
    ImportRefused,
    Line,
    Record,
    numbered_lines,
)
from subscribers.importing.tables.text_file import Encoding, TextFile

NESTED = "attributes"
_NO_OBJECT = (
    'is not a JSON object such as {"phone": "+91 98123 45678", "name": "Asha"}. Correct it.'
)


class _LineRefused(Exception):  # noqa: N818
    """What is wrong with one line; continues the sentence "The line …"."""


class JsonLines:
    """A file of JSON lines whose names are known; `records()` reads on, once."""

    delimiter = ""

    def __init__(self, text: TextIO, facts: TextFile) -> None:
        self.encoding = facts.encoding.name
        self.digest = facts.digest
        self.notes = facts.encoding.notes
        self._encoding = facts.encoding
        self._text = text
        self.header = self._names()
        text.seek(0)

    def records(self) -> Iterator[Record]:
        """A record for each line that is not blank."""
        for line in _lines(self._text):
            try:
                cells = _cells(line, self._encoding)
            except _LineRefused as fault:
                yield Record(line.number, line.number, [], str(fault))
                continue
            if any(cell and not cell.isspace() for cell in cells.values()):
                yield Record(
                    line.number, line.number, [cells.get(name, "") for name in self.header]
                )

    def _names(self) -> list[str]:
        found: dict[str, None] = {}
        for line in _lines(self._text):
            try:
                found.update(dict.fromkeys(_cells(line, self._encoding)))
            except _LineRefused:
                continue  # reported with its number, when the rows are read
            if len(found) > MAX_COLUMNS:
                raise ImportRefused(TOO_MANY_COLUMNS)
        if not found:
            raise ImportRefused(
                _("No line of the file can be read. The first %(fault)s") % {"fault": _NO_OBJECT}
            )
        return list(found)


def _lines(text: TextIO) -> Iterator[Line]:
    """The lines that hold anything."""
    return (line for line in numbered_lines(text) if line.too_long or not line.text.isspace())


def _cells(line: Line, encoding: Encoding) -> dict[str, str]:
    """The line's values as text by name. Raises _LineRefused."""
    if line.too_long:
        raise _LineRefused(TOO_LONG)
    if fault := encoding.fault_of(line.text):
        raise _LineRefused(fault)
    try:
        # Numbers as they are written: a phone number must not pass through a float.
        values = json.loads(
            line.text,
            parse_int=str,
            parse_float=str,
            parse_constant=str,
            object_pairs_hook=_each_once,
        )
    except (ValueError, RecursionError):
        raise _LineRefused(_NO_OBJECT) from None
    if not isinstance(values, dict):
        raise _LineRefused(_NO_OBJECT)
    nested = values.pop(NESTED, None)
    if nested is not None and not isinstance(nested, dict):
        raise _LineRefused(
            _("has no object in “%(name)s”. Enter texts by name.") % {"name": NESTED}
        )
    return {
        name: _text(name, value)
        for name, value in _each_once([*(nested or {}).items(), *values.items()]).items()
    }


def _each_once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """The object of these pairs. A name that stands twice says two things: neither is taken."""
    values = dict(pairs)
    if len(values) < len(pairs):
        times = Counter(name for name, _ in pairs)
        twice = next(name for name, count in times.items() if count > 1)
        raise _LineRefused(_("has “%(name)s” twice. Remove one of them.") % {"name": twice[:64]})
    return values


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        # Half of a surrogate pair is no character: no database takes it.
        return value.encode("utf-8", "ignore").decode().replace("\0", "")
    raise _LineRefused(
        _("has a list or an object in “%(name)s”. Enter a text.") % {"name": name[:64]}
    )
