"""Subscribers to a file that a spreadsheet opens and that can be imported again.

The columns are those that the importer knows; attributes follow, each as a column of its name.
Rows are streamed, and no cell of a file can be run as a formula.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from django.db.models import QuerySet
from openpyxl import Workbook

from subscribers.importing.tables.records import MAX_COLUMNS
from subscribers.models import Subscriber
from subscribers.spreadsheets import csv_lines, escape_formula

FETCHED_ROWS = 2_000
_ESCAPED = re.compile("_x[0-9A-Fa-f]{4}_")  # Excel reads it as the character of that number
DETAILS = ("phone", "name", "tier", "status", "language", "email")


def rows(people: QuerySet[Subscriber]) -> Iterator[list[str]]:
    """The header and a row for each person."""
    extra = attribute_names(people)
    yield [*DETAILS, *extra]
    for person in people.order_by("pk").iterator(chunk_size=FETCHED_ROWS):
        cells = [getattr(person, name) for name in DETAILS]
        cells += [person.attributes.get(name, "") for name in extra]
        yield [_text(cell) for cell in cells]


def attribute_names(people: QuerySet[Subscriber]) -> list[str]:
    """The names of all their attributes: what a file leaves out is lost to who moves by it."""
    names: dict[str, None] = {}
    for attributes in people.order_by().values_list("attributes", flat=True).iterator():
        names.update(dict.fromkeys(attributes))
    return sorted(name for name in names if name not in DETAILS)


def columns_remark(people: QuerySet[Subscriber]) -> str:
    """What to know of a file that has more columns than an import takes, or an empty text."""
    count = len(DETAILS) + len(attribute_names(people))
    if count <= MAX_COLUMNS:
        return ""
    return (
        f"The file has {count} columns, all there are; one to be imported may have {MAX_COLUMNS}."
        " To import it, split the columns over several files, each with the phone."
    )


def as_csv(people: QuerySet[Subscriber]) -> Iterator[str]:
    """The file in pieces."""
    return csv_lines(rows(people))


def as_xlsx(people: QuerySet[Subscriber]) -> IO[bytes]:
    """The workbook as an open temporary file; every cell is text."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Subscribers")
    for row in rows(people):
        sheet.append([_ESCAPED.sub(r"_x005F\g<0>", escape_formula(cell)) for cell in row])
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the response closes it
    book.save(file)
    file.seek(0)
    return file


def _text(cell: Any) -> str:
    """A cell as text that XML can hold: openpyxl refuses control characters."""
    return "".join(c for c in str(cell if cell is not None else "") if c >= " " or c in "\t\n")
