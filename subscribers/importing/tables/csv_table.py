"""From bytes that claim to be a CSV file to records: one list of cells for each row of data.

Two passes: `text_file` settles size, encoding and number of lines before anything is believed,
this one reads line by line, so memory stays flat whatever the file holds.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from django.utils.translation import gettext as _

from subscribers.importing.tables.delimiters import SAMPLE_LINES, choose
from subscribers.importing.tables.json_lines import JsonLines
from subscribers.importing.tables.records import (
    MAX_COLUMNS,
    MAX_LINE,
    MAX_SIZE,
    TOO_LONG,
    TOO_MANY_COLUMNS,
    ImportRefused,
    Line,
    Record,
    numbered_lines,
)
from subscribers.importing.tables.text_file import BLOCK_BYTES, Encoding, TextFile, inspect

MAX_RECORD_LINES = 50  # of one row whose cells hold line breaks
_HINT = "sep="  # Excel and its friends may write a line before the header: "sep=;"
_EMPTY_CELLS = ' \t\r\n\f,;|"\ufeff'  # what a line of nothing but empty cells may hold
_STRAY_QUOTE = 'has a stray quotation mark. Inside a cell, write it twice: "".'
_OPEN_QUOTE = "has an opening quotation mark without a closing one. Close it or remove it."
_JSON_LIST = "This is a JSON list. Write one object per line, without commas in between."


class Table:
    """A CSV file as far as its header; `records()` reads on, once."""

    def __init__(self, text: TextIO, facts: TextFile) -> None:
        self.encoding = facts.encoding.name
        self.digest = facts.digest
        self.notes = facts.encoding.notes
        self._encoding = facts.encoding
        self._lines = numbered_lines(text)
        self._put_back: deque[Line] = deque()
        self.delimiter, self.header = self._read_header()

    def records(self) -> Iterator[Record]:
        """The rows after the header; blank ones are left out."""
        while lines := self._take_lines():
            record = self._parse(lines, self.delimiter)
            if record.fault or any(cell.strip(_EMPTY_CELLS) for cell in record.cells):
                yield record

    def _read_header(self) -> tuple[str, list[str]]:
        """The delimiter under which the first lines make sense, and the cells of the first."""
        hint = ""
        lines = self._take_lines()
        while lines and (
            not lines[0].text.strip(_EMPTY_CELLS) or lines[0].text[:4].lower() == _HINT
        ):
            hint = lines[0].text[4:5] or hint
            lines = self._take_lines()
        if not lines:
            raise ImportRefused(_("The file is empty. The first line must name the columns."))
        sample = self._peek(lines)
        delimiter = choose(lambda given: self._parse_alone(lines, given).cells, sample, hint)
        header = self._parse_alone(lines, delimiter)
        self._put_back.extendleft(
            line for line in reversed(lines) if line.number > header.last_line
        )
        if header.fault:
            raise ImportRefused(_("The first line %(fault)s") % {"fault": header.fault})
        cells = _without_padding(header.cells)
        if len(cells) > MAX_COLUMNS:
            raise ImportRefused(TOO_MANY_COLUMNS)
        return delimiter, cells

    def _peek(self, header: list[Line]) -> list[str]:
        """The lines after the header's first, which stay to be read."""
        ahead = [line for _ in range(SAMPLE_LINES) if (line := next(self._lines, None))]
        self._put_back.extend(ahead)
        return [line.text for line in (*header[1:], *ahead)]

    def _next_line(self) -> Line | None:
        return self._put_back.popleft() if self._put_back else next(self._lines, None)

    def _take_lines(self) -> list[Line]:
        """The lines of the next row as its quotation marks suggest: they must come in pairs."""
        first = self._next_line()
        if first is None:
            return []
        lines, quotes, length = [first], first.text.count('"'), len(first.text)
        while quotes % 2 and len(lines) < MAX_RECORD_LINES and length <= MAX_LINE:
            line = self._next_line()
            if line is None:
                break
            lines.append(line)
            quotes += line.text.count('"')
            length += len(line.text)
        return lines

    def _parse(self, lines: list[Line], delimiter: str) -> Record:
        """The row on `lines`, or on the first alone if together they are none."""
        record = self._parse_alone(lines, delimiter)
        self._put_back.extendleft(
            line for line in reversed(lines) if line.number > record.last_line
        )
        return record

    def _parse_alone(self, lines: list[Line], delimiter: str) -> Record:
        number, last = lines[0].number, lines[-1].number
        fault = _unreadable(lines, self._encoding)
        if not fault:
            try:
                return Record(number, last, _split("".join(x.text for x in lines), delimiter))
            except csv.Error as error:
                fault = _OPEN_QUOTE if "unexpected end" in str(error) else _STRAY_QUOTE
        if len(lines) > 1:
            return self._parse_alone(lines[:1], delimiter)
        return Record(number, number, [], fault)


AnyTable = Table | JsonLines


@contextmanager
def open_table(source: BinaryIO | Path) -> Iterator[AnyTable]:
    """A table over a file or an open binary stream: what begins with a brace is JSON lines.

    Raises ImportRefused.
    """
    with _seekable(source) as file:
        facts = inspect(file)
        file.seek(0)
        encoding = facts.encoding
        text = io.TextIOWrapper(file, encoding.name, encoding.errors, newline="")
        try:
            kind = JsonLines if _is_json(text) else Table
            yield kind(text, facts)
        finally:
            text.detach()  # the stream stays its owner's to close


def _is_json(text: TextIO) -> bool:
    """Whether the first character that shows is a brace; leaves the text at its beginning."""
    first = text.read(BLOCK_BYTES).lstrip()[:1]
    text.seek(0)
    if first == "[":
        raise ImportRefused(_JSON_LIST)
    return first == "{"


@contextmanager
def _seekable(source: BinaryIO | Path) -> Iterator[BinaryIO]:
    """`source` in a form that can be read twice; a pipe is copied to disk up to the limit."""
    if isinstance(source, Path):
        try:
            file = source.open("rb")
        except OSError as error:
            raise ImportRefused(
                _("The file cannot be opened: %(why)s.") % {"why": error.strerror}
            ) from error
        with file:
            yield file
    elif source.seekable():
        yield source
    else:
        with tempfile.TemporaryFile() as copy:
            while copy.tell() <= MAX_SIZE and (block := source.read(BLOCK_BYTES)):
                copy.write(block)
            yield copy


def _unreadable(lines: list[Line], encoding: Encoding) -> str:
    if any(line.too_long for line in lines):
        return TOO_LONG
    if fault := next(filter(None, (encoding.fault_of(line.text) for line in lines)), ""):
        return fault
    if any("\0" in line.text for line in lines):
        return "contains a NUL character, so the file may be damaged. Export it again."
    return ""


def _split(text: str, delimiter: str) -> list[str]:
    rows = csv.reader([text], delimiter=delimiter, strict=True, skipinitialspace=True)
    return next(rows, [])


def _without_padding(header: list[str]) -> list[str]:
    """The header without blank titles at its end as far as they are too many."""
    while len(header) > MAX_COLUMNS and not header[-1].strip():
        header = header[:-1]
    return header
