"""What every kind of list comes down to: records, their limits, and why a whole file is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from django.conf import settings

MAX_SIZE = settings.IMPORT_MAX_MB * 2**20  # bytes
MAX_COLUMNS = 50
MAX_CELL = 2_000  # characters
MAX_LINE = MAX_COLUMNS * (MAX_CELL + 3)  # full cells, quotation marks, separators
TOO_LONG = f"is longer than {MAX_LINE:,} characters. Shorten it."
TOO_MANY_COLUMNS = f"The file has more than {MAX_COLUMNS} columns. Remove some."


class ImportRefused(Exception):  # noqa: N818  # the word that the report uses
    """The whole file is refused; the message is a sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row: the lines of the file it stands on, counted from 1, and its cells or its fault."""

    line: int
    last_line: int
    cells: list[str]
    fault: str = ""  # continues the sentence "The line …"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a text file, counted from 1; of one that is too long only the beginning."""

    number: int
    text: str
    too_long: bool


def numbered_lines(text: TextIO) -> Iterator[Line]:
    """The lines of a file that was opened with its own line ends (`newline=""`)."""
    number = 0
    while line := text.readline(MAX_LINE):
        number += 1
        rest = line
        while len(rest) == MAX_LINE and rest[-1] not in "\r\n":
            rest = text.readline(MAX_LINE)
        yield Line(number, line, too_long=rest is not line and rest != "")
