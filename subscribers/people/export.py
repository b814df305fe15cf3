"""Subscribers to a file that a spreadsheet opens and that can be imported again.

The columns are those that the importer knows; what WhatsApp calls people, which the importer leaves
out, and attributes follow, each attribute as a column of its name.
Rows are streamed, and no cell of a file can be run as a formula.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from django.db.models import QuerySet
from openpyxl import Workbook

from subscribers.identity.display import identities_of
from subscribers.importing.columns import IDENTITY_TITLES
from subscribers.importing.tables.records import MAX_COLUMNS
from subscribers.models import Subscriber, WhatsAppIdentity
from subscribers.paging import in_pages
from subscribers.spreadsheets import csv_lines, escape_formula

PIECE_BYTES = 64 * 1024
_ESCAPED = re.compile("_x[0-9A-Fa-f]{4}_")  # Excel reads it as the character of that number
DETAILS = ("phone", "name", "tier", "status", "language", "email")


def rows(people: QuerySet[Subscriber]) -> Iterator[list[str]]:
    """The header and a row for each person."""
    extra = attribute_names(people)
    ids = identity_titles(people)
    yield [*DETAILS, *ids, *extra]
    everybody = people.order_by("pk")
    if ids:
        everybody = everybody.prefetch_related("identities")
    for person in in_pages(everybody):
        cells = [getattr(person, name) for name in DETAILS]
        cells += _identity_cells(person) if ids else []
        cells += [person.attributes.get(name, "") for name in extra]
        yield [_text(cell) for cell in cells]


def identity_titles(people: QuerySet[Subscriber]) -> tuple[str, ...]:
    """The columns of what WhatsApp calls people, if it has told that of any of them."""
    told = WhatsAppIdentity.objects.filter(subscriber__in=people.order_by().values("pk"))
    return IDENTITY_TITLES if told.exists() else ()


def attribute_names(people: QuerySet[Subscriber]) -> list[str]:
    """The names of all their attributes: what a file leaves out is lost to who moves by it."""
    names: dict[str, None] = {}
    for attributes in in_pages(people.order_by("pk").values_list("attributes", flat=True)):
        names.update(dict.fromkeys(attributes))
    own = (*DETAILS, *IDENTITY_TITLES)
    return sorted(name for name in names if name not in own)


def columns_remark(people: QuerySet[Subscriber]) -> str:
    """What to know of a file that has more columns than an import takes, or an empty text."""
    count = len(DETAILS) + len(identity_titles(people)) + len(attribute_names(people))
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
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it
    book.save(file)
    file.seek(0)
    return file


def xlsx_pieces(people: QuerySet[Subscriber]) -> Iterator[bytes]:
    """The workbook, made when its first piece is asked for: by then the download has its place."""
    with as_xlsx(people) as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _identity_cells(person: Subscriber) -> list[str]:
    """WhatsApp's numbers and user ids of the person, of several portfolios with a blank between."""
    known = identities_of(person, in_full=True)
    wa_ids = dict.fromkeys(row.wa_id for row in known if row.wa_id)
    user_ids = dict.fromkeys(row.user_id for row in known if row.user_id)
    return [" ".join(wa_ids), " ".join(user_ids)]


def _text(cell: Any) -> str:
    """A cell as text that XML can hold: openpyxl refuses control characters."""
    return "".join(c for c in str(cell if cell is not None else "") if c >= " " or c in "\t\n")
