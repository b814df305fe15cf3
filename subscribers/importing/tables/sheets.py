"""Which sheet of a workbook is the list, and what to say of the others."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from subscribers import shown_part
from subscribers.details.titles import names_phone
from subscribers.importing.tables.records import ImportRefused

VISIBLE = "visible"
NAMED_SHEETS = 8  # sheets that a sentence names


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its rows that hold anything, how many of them are hidden, and its CSV."""

    title: str
    state: str
    filled: int
    hidden: int
    csv: bytes

    @property
    def has_people(self) -> bool:
        """Whether its first filled row names a column for the phone and another row follows."""
        return self.filled > 1 and names_phone(self.header())

    def header(self) -> list[str]:
        line = self.csv.lstrip(b"\n").split(b"\n", 1)[0]
        return next(csv.reader([line.decode()]), [])

    def __str__(self) -> str:
        lines = self.filled - 1 if names_phone(self.header()) else self.filled
        hidden = "" if self.state == VISIBLE else ", hidden"
        return f"“{self.title}” ({lines:,} {'line' if lines == 1 else 'lines'}{hidden})"


def choose(found: Sequence[Sheet]) -> tuple[bytes, list[str]]:
    """The CSV of the sheet to import, and sentences on what is not read or easily missed.

    Raises ImportRefused.
    """
    visible = [sheet for sheet in found if sheet.state == VISIBLE]
    if not visible:
        raise ImportRefused(
            _("All sheets of the workbook are hidden. Unhide the one with the list.")
        )
    lists = [sheet for sheet in visible if sheet.has_people]
    if len(lists) > 1:
        raise ImportRefused(
            _(
                "The workbook has people on %(count)s sheets: %(names)s. Put them on "
                "one sheet, or save each sheet as a separate workbook, so that nobody "
                "is left out."
            )
            % {"count": len(lists), "names": _named(lists)}
        )
    filled = [sheet for sheet in visible if sheet.filled]
    read = lists[0] if lists else (filled or visible)[0]
    return read.csv, list(_notes(read, [sheet for sheet in found if sheet.filled]))


def _notes(read: Sheet, filled: Sequence[Sheet]) -> list[str]:
    notes = []
    if others := [sheet for sheet in filled if sheet is not read]:
        notes.append(f"Only the sheet {read} is read. Not read: {_named(others)}.")
    if read.hidden:
        notes.append(
            f"{read.hidden:,} of its rows are hidden in Excel, for example by a filter. They are"
            " imported too."
        )
    return notes


def _named(sheets: Sequence[Sheet]) -> str:
    return shown_part.named([str(sheet) for sheet in sheets], NAMED_SHEETS)
