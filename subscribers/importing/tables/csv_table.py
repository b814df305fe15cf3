"""From bytes that claim to be a CSV file to records: one list of cells for each row of data.

Two passes: the first settles size, encoding and number of lines before anything is believed,
the second reads line by line, so memory stays flat whatever the file holds.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from subscribers.importing.tables.json_lines import JsonLines
from subscribers.importing.tables.records import (
    MAX_COLUMNS,
    MAX_LINE,
    MAX_ROWS,
    MAX_SIZE,
    TOO_LONG,
    TOO_MANY_COLUMNS,
    ImportRefused,
    Line,
    Record,
    numbered_lines,
)

MAX_RECORD_LINES = 50  # of one row whose cells hold line breaks
DELIMITERS = ",;\t|"
BLOCK_BYTES = 64 * 1024

_SAVE_AS_CSV = "open it and save it as “CSV UTF-8”"
_NOT_TEXT = f"This is not a text file: if it is a workbook, {_SAVE_AS_CSV}."
_SIGNATURES = {
    b"PK\x03\x04": f"This is an Excel workbook or a ZIP archive, not CSV: {_SAVE_AS_CSV}.",
    b"PK\x05\x06": "This is an empty ZIP archive, not CSV.",
    b"\xd0\xcf\x11\xe0": f"This is an old Excel workbook, not CSV: {_SAVE_AS_CSV}.",
    b"\x1f\x8b": "This file is compressed: unpack it first.",
    b"%PDF": "This is a PDF: export the list as CSV instead.",
    b"<": f"This is a web page or XML, not CSV: {_SAVE_AS_CSV}.",
}
# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
# Without a mark: what is valid UTF-8 is hardly ever anything else. Latin-1 reads all the rest.
_GUESSES = ("utf-8", "cp1252", "latin-1")
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
_STRAY_QUOTE = 'has a quotation mark that does not belong: write it twice inside a cell, as "".'
_OPEN_QUOTE = "opens a quotation mark that is never closed: close it or remove it."
_JSON_LIST = "This is a JSON list: write one object on each line instead, without commas between."


class Table:
    """A CSV file as far as its header; `records()` reads on, once."""

    def __init__(self, text: TextIO, *, encoding: str, digest: str) -> None:
        self.encoding = encoding
        self.digest = digest  # SHA-256 of the bytes, for the evidence
        self._lines = numbered_lines(text)
        self._put_back: deque[Line] = deque()
        self.delimiter, self.header = self._read_header()

    def records(self) -> Iterator[Record]:
        """The rows after the header; blank ones are left out."""
        while lines := self._take_lines():
            record = self._parse(lines, self.delimiter)
            if record.fault or any(cell and not cell.isspace() for cell in record.cells):
                yield record

    def _read_header(self) -> tuple[str, list[str]]:
        """The delimiter that splits the first line into most cells, and those cells."""
        lines = self._take_lines()
        # Excel and its friends may write a hint line before it: "sep=;"
        while lines and (not lines[0].text.strip() or lines[0].text[:4].lower() == "sep="):
            lines = self._take_lines()
        if not lines:
            raise ImportRefused("The file is empty: the first line must name the columns.")
        tries = [(self._parse(lines, delimiter), delimiter) for delimiter in DELIMITERS]
        header, delimiter = max(tries, key=lambda found: _likeness(found[0].cells))
        self._put_back = deque(line for line in lines if line.number > header.last_line)
        if header.fault:
            raise ImportRefused(f"The first line {header.fault}")
        if len(header.cells) > MAX_COLUMNS:
            raise ImportRefused(TOO_MANY_COLUMNS)
        return delimiter, header.cells

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
        number, last = lines[0].number, lines[-1].number
        fault = _unreadable(lines)
        if not fault:
            try:
                return Record(number, last, _split("".join(x.text for x in lines), delimiter))
            except csv.Error as error:
                fault = _OPEN_QUOTE if "unexpected end" in str(error) else _STRAY_QUOTE
        if len(lines) > 1:
            self._put_back.extendleft(reversed(lines[1:]))
            return self._parse(lines[:1], delimiter)
        return Record(number, number, [], fault)


AnyTable = Table | JsonLines


@contextmanager
def open_table(source: BinaryIO | Path) -> Iterator[AnyTable]:
    """A table over a file or an open binary stream: what begins with a brace is JSON lines.

    Raises ImportRefused.
    """
    with _seekable(source) as file:
        digest = _inspect(file)
        encoding = _encoding(file)
        file.seek(0)
        text = io.TextIOWrapper(file, encoding=encoding, newline="")
        try:
            kind = JsonLines if _is_json(text) else Table
            yield kind(text, encoding=encoding, digest=digest)
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
            raise ImportRefused(f"The file cannot be opened: {error.strerror}.") from error
        with file:
            yield file
    elif source.seekable():
        yield source
    else:
        with tempfile.TemporaryFile() as copy:
            while copy.tell() <= MAX_SIZE and (block := source.read(BLOCK_BYTES)):
                copy.write(block)
            yield copy


def _inspect(file: BinaryIO) -> str:
    """Refuse what is too big or no text at all; returns the SHA-256 of the rest."""
    if file.seek(0, io.SEEK_END) > MAX_SIZE:
        raise ImportRefused(f"The file is larger than {MAX_SIZE // 2**20} MB: split it.")
    digest = hashlib.sha256()
    for position, block in enumerate(_blocks(file)):
        if position == 0:
            _check_head(block)
        digest.update(block)
    return digest.hexdigest()


def _check_head(head: bytes) -> None:
    for signature, sentence in _SIGNATURES.items():
        if head.lstrip(b" \t\r\n").startswith(signature):
            raise ImportRefused(sentence)
    if _mark(head) in {"utf-16", "utf-32"}:
        return
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls > len(head) / 20:
        raise ImportRefused(_NOT_TEXT)


def _encoding(file: BinaryIO) -> str:
    """The encoding that reads the whole file without an error."""
    file.seek(0)
    mark = _mark(file.read(4))
    for encoding in (mark,) if mark else _GUESSES:
        try:
            lines = _count_lines(file, encoding)
        except UnicodeError:
            continue
        if lines > MAX_ROWS + 1:
            raise ImportRefused(f"The file has more than {MAX_ROWS:,} lines: split it.")
        return encoding
    raise ImportRefused(f"The file is damaged or not in the encoding it claims: {_SAVE_AS_CSV}.")


def _mark(head: bytes) -> str:
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), "")


def _count_lines(file: BinaryIO, encoding: str) -> int:
    decoder = codecs.getincrementaldecoder(encoding)()
    newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
    lines = sum(newlines.decode(block).count("\n") for block in _blocks(file))
    return lines + newlines.decode(b"", final=True).count("\n")


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(BLOCK_BYTES):
        yield block


def _unreadable(lines: list[Line]) -> str:
    if any(line.too_long for line in lines):
        return TOO_LONG
    if any("\0" in line.text for line in lines):
        return "holds a NUL character, so the file may be damaged: export it again."
    return ""


def _likeness(header: list[str]) -> tuple[bool, int]:
    """How much like a header: a cell with a quotation mark was cut by the wrong delimiter."""
    return not any('"' in cell for cell in header), len(header)


def _split(text: str, delimiter: str) -> list[str]:
    rows = csv.reader([text], delimiter=delimiter, strict=True, skipinitialspace=True)
    return next(rows, [])
