"""From records to rows: which column means what, and whether a row's cells are valid.

A row is taken whole or refused whole, with the column and a reason that says what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from masking.phones import mask_digits
from subscribers.details import titles, values
from subscribers.details.placeholders import MAX_NAME_LENGTH
from subscribers.identity.reading import read_phone
from subscribers.importing.tables.records import MAX_CELL, ImportRefused, Record
from subscribers.models import Status
from subscribers.spreadsheets import unescape_formula
from subscribers.text_cleaning import clean_line

SHOWN_TITLE_LENGTH = 64  # characters of a title in a message
# The first two columns of a list of refused lines, which comes back corrected.
REFUSAL_TITLES = ("Refused line", "Refused because")
# What an export tells of WhatsApp's ids: a list cannot say what WhatsApp calls somebody.
IDENTITY_TITLES = ("whatsapp_ids", "whatsapp_user_ids")
ATTRIBUTE, LEFT_OUT = "attribute", ""  # choices for a column beside the fields


@dataclass(frozen=True, slots=True)
class Row:
    """One person as the file describes them; what the file leaves blank is absent here."""

    line: int
    phone: str  # E.164
    details: dict[str, str] = field(default_factory=dict)  # name, tier, language, email
    attributes: dict[str, str] = field(default_factory=dict)
    status: Status | None = None
    repeats: bool = False  # a withdrawal of somebody who is on an earlier line


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was not taken: where, why, and the cell with its digits starred out."""

    line: int
    reason: str
    column: str = ""
    raw: str = ""


class _CellRefused(Exception):  # noqa: N818
    def __init__(self, reason: str, column: str = "", raw: str = "") -> None:
        super().__init__(reason)
        self.column, self.raw, self.reason = column, raw, reason


class Columns:
    """The meaning of each column of a file. Raises ImportRefused for a header of no use."""

    def __init__(self, header: list[str], chosen: Mapping[str, str] | None = None) -> None:
        """`chosen` says by the place, counted from "0", what a column is to be: a field,
        ATTRIBUTE or LEFT_OUT; the others are known by their titles.
        """
        whole = [clean_line(title) for title in header]
        self.titles = [title[:SHOWN_TITLE_LENGTH] for title in whole]
        self.keys = [
            _key(title, place, (chosen or {}).get(str(place))) for place, title in enumerate(whole)
        ]
        self._check()

    def read(self, record: Record) -> Row | Refusal:
        """The row, or why it is refused."""
        try:
            return self._row(record)
        except _CellRefused as fault:
            reason = fault.reason
            if record.last_line > record.line:
                reason += (
                    f" (Lines {record.line} to {record.last_line} were read as one row."
                    " Look for an extra quotation mark.)"
                )
            return Refusal(record.line, reason, fault.column, mask_digits(fault.raw))

    @property
    def notes(self) -> list[str]:
        """What to know of titles that do not become the names they look like."""
        return [
            f"The column “{title}” has a long title. In messages it is {{{key}}}."
            for title, key in zip(self.titles, self.keys, strict=True)
            if len(key) >= MAX_NAME_LENGTH - 1
        ]

    def _check(self) -> None:
        for title in self.titles:
            try:
                values.check_computed(title)
            except ValueError as error:
                raise ImportRefused(_("In the first line: %(why)s") % {"why": error}) from None
        if "phone" not in self.keys:
            found = ", ".join(title for title in self.titles if title) or "nothing"
            raise ImportRefused(
                _(
                    "No column for the phone number. The first line must name the columns, "
                    "one of them “phone”. It reads: %(found)s."
                )
                % {"found": mask_digits(found, shown=0, limit=200)}
            )
        for place, key in enumerate(self.keys):
            if key == LEFT_OUT:
                continue
            first = self.keys.index(key)
            if first != place:
                raise ImportRefused(
                    _(
                        "The columns “%(first)s” and “%(second)s” mean the same. Rename or "
                        "remove one."
                    )
                    % {"first": self.titles[first], "second": self.titles[place]}
                )

    def _row(self, record: Record) -> Row:
        if record.fault:
            raise _CellRefused(_("The line %(fault)s") % {"fault": record.fault})
        self._check_cells(record.cells)
        texts = dict(zip(self.keys, record.cells, strict=False))
        texts.pop(LEFT_OUT, None)
        phone = self._cell("phone", _filled(texts.pop("phone", "")), read_phone)
        status = self._filled({"status": texts.pop("status", "")}).get("status")
        if status == Status.UNSUBSCRIBED:
            # A withdrawal counts whatever the other cells hold, and they are not kept.
            return Row(record.line, phone, status=Status.UNSUBSCRIBED)
        details = self._filled({key: texts.pop(key, "") for key in values.DETAILS})
        attributes = self._filled(texts)
        return Row(record.line, phone, details, attributes, Status(status) if status else None)

    def _filled(self, texts: dict[str, str]) -> dict[str, str]:
        """The cells that are not blank, each as its column reads it."""
        cells = {
            key: self._cell(key, text, values.reader(key))
            for key, text in texts.items()
            if not values.says_nothing(text)
        }
        return {key: value for key, value in cells.items() if value}

    def _check_cells(self, cells: list[str]) -> None:
        if any(cell and not cell.isspace() for cell in cells[len(self.keys) :]):
            raise _CellRefused(
                _(
                    "The line has %(cells)s cells for %(columns)s columns. Put cells that "
                    "contain the separator in quotation marks."
                )
                % {"cells": len(cells), "columns": len(self.keys)}
            )
        for title, key, cell in zip(self.titles, self.keys, cells, strict=False):
            if len(cell) > MAX_CELL and key != LEFT_OUT and len(clean_line(cell)) > MAX_CELL:
                raise _CellRefused(
                    _("The cell is longer than %(limit)s characters.") % {"limit": f"{MAX_CELL:,}"},
                    title,
                )

    def _cell(self, key: str, text: str, read: Callable[[str], str]) -> str:
        try:
            values.check_computed(text)
            return read(unescape_formula(text.strip()))
        except ValueError as error:
            raise _CellRefused(str(error), self.titles[self.keys.index(key)], text) from None


def _key(title: str, place: int, choice: str | None) -> str:
    """The field a column fills, or the attribute it becomes: `First Name` is `first_name`."""
    if choice is None and title in (*REFUSAL_TITLES, *IDENTITY_TITLES):
        return LEFT_OUT
    if choice in (LEFT_OUT, *titles.FIELDS):
        return choice
    field_name = titles.field_of(title)
    if choice == ATTRIBUTE and field_name:  # its own title would be read as the field
        return titles.attribute_of(f"other {title}", place + 1)
    return field_name or titles.attribute_of(title, place + 1)


def _filled(text: str) -> str:
    return "" if values.says_nothing(text) else text
