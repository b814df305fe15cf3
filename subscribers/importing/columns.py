"""From records to rows: which column means what, and whether a row's cells are valid.

A row is taken whole or refused whole, with the column and a reason that says what to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_email

from masking.phones import mask_digits
from subscribers import phones
from subscribers.importing.tables.records import MAX_CELL, ImportRefused, Record
from subscribers.models import LANGUAGE_PATTERN, Status, Subscriber, Tier
from subscribers.spreadsheets import unescape_formula
from subscribers.text_cleaning import clean_line, has_link

MAX_NAME = Subscriber._meta.get_field("name").max_length or 0
MAX_EMAIL = Subscriber._meta.get_field("email").max_length or 0
MAX_ATTRIBUTE_NAME = 64
# Tiers, languages and statuses are few words repeated in many rows; anything else is refused, and
# refusals are not cached.
CACHED_WORDS_LIMIT = 512


def _plain(text: str) -> str:
    """Lower case, words parted by one space: `Phone_No.` is `phone no`."""
    return " ".join(re.sub(r"[\s_.\-:#*()]+", " ", clean_line(text).casefold()).split())


_WORDS = json.loads(Path(__file__).with_name("words.json").read_text("utf-8"))


def _meanings(section: str) -> dict[str, str]:
    """What each word of a section stands for, by the word in plain spelling."""
    return {_plain(word): key for key, words in _WORDS[section].items() for word in words}


_FIELDS = _meanings("columns")  # every other column becomes an attribute, named by its title
_STATUSES = _meanings("statuses")
_LANGUAGES = _meanings("languages")
_TIERS = frozenset(Tier.values)
_LANGUAGE = re.compile(LANGUAGE_PATTERN)


@dataclass(frozen=True, slots=True)
class Row:
    """One person as the file describes them; what the file leaves blank is absent here."""

    line: int
    phone: str  # E.164
    details: dict[str, str] = field(default_factory=dict)  # name, tier, language, email
    attributes: dict[str, str] = field(default_factory=dict)
    status: Status | None = None


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

    def __init__(self, header: list[str]) -> None:
        self.titles = [clean_line(title)[:MAX_ATTRIBUTE_NAME] for title in header]
        self.keys = [_key(title, place) for place, title in enumerate(self.titles, 1)]
        self._check()

    def read(self, record: Record) -> Row | Refusal:
        """The row, or why it is refused."""
        try:
            return self._row(record)
        except _CellRefused as fault:
            reason = fault.reason
            if record.last_line > record.line:
                reason += (
                    f" (Lines {record.line} to {record.last_line} were read as one row:"
                    " look for a quotation mark too many.)"
                )
            return Refusal(record.line, reason, fault.column, mask_digits(fault.raw))

    def _check(self) -> None:
        if "phone" not in self.keys:
            found = ", ".join(title for title in self.titles if title) or "nothing"
            raise ImportRefused(
                "No column for the phone number: the first line must name the columns, one of"
                f" them “phone”. It reads: {mask_digits(found, shown=0, limit=200)}."
            )
        for place, key in enumerate(self.keys):
            first = self.keys.index(key)
            if first != place:
                raise ImportRefused(
                    f"The columns “{self.titles[first]}” and “{self.titles[place]}” mean the same:"
                    " rename or remove one."
                )

    def _row(self, record: Record) -> Row:
        if record.fault:
            raise _CellRefused(f"The line {record.fault}")
        self._check_cells(record.cells)
        texts = dict(zip(self.keys, record.cells, strict=False))
        phone = self._cell("phone", texts.pop("phone", ""), phones.normalise)
        status = self._filled({"status": texts.pop("status", "")}).get("status")
        if status == Status.UNSUBSCRIBED:
            # A withdrawal counts whatever the other cells hold, and they are not kept.
            return Row(record.line, phone, status=Status.UNSUBSCRIBED)
        details = self._filled({key: texts.pop(key, "") for key in _DETAILS})
        attributes = self._filled(texts)
        return Row(record.line, phone, details, attributes, Status(status) if status else None)

    def _filled(self, texts: dict[str, str]) -> dict[str, str]:
        """The cells that are not blank, each as its column reads it."""
        cells = {
            key: self._cell(key, text, _READERS.get(key, _text))
            for key, text in texts.items()
            if text and not text.isspace()
        }
        return {key: value for key, value in cells.items() if value}

    def _check_cells(self, cells: list[str]) -> None:
        if any(cell and not cell.isspace() for cell in cells[len(self.keys) :]):
            raise _CellRefused(
                f"The line has {len(cells)} cells for {len(self.keys)} columns: put cells that hold"
                " the separator between quotation marks."
            )
        for title, cell in zip(self.titles, cells, strict=False):
            if len(cell) > MAX_CELL:
                raise _CellRefused(f"The cell is longer than {MAX_CELL:,} characters.", title)

    def _cell(self, key: str, text: str, read: Callable[[str], str]) -> str:
        try:
            return read(unescape_formula(text))
        except ValueError as error:
            raise _CellRefused(str(error), self.titles[self.keys.index(key)], text) from None


def _key(title: str, place: int) -> str:
    """The field a column fills, or the attribute it becomes: `First Name` is `first_name`."""
    plain = _plain(title)
    return _FIELDS.get(plain) or plain.replace(" ", "_") or f"column_{place}"


def attribute_name(title: str) -> str:
    """The attribute that a column of this title becomes, or an empty text if it is a field's."""
    name = _key(clean_line(title)[:MAX_ATTRIBUTE_NAME], 1)
    return "" if name in (*_READERS, "phone") else name


def read_value(key: str, text: str) -> str:
    """A value of a field or an attribute, by the rules of a cell. Raises ValueError: a sentence."""
    if len(text) > MAX_CELL:
        raise ValueError(f"It is longer than {MAX_CELL:,} characters: shorten it.")
    return _READERS.get(key, _text)(text)


def _text(cell: str) -> str:
    text = clean_line(cell)
    if has_link(text):
        raise ValueError("Links are not taken from files: remove it.")
    return text


def _name(cell: str) -> str:
    name = _text(cell)
    if len(name) > MAX_NAME:
        raise ValueError(f"The name is longer than {MAX_NAME} characters: shorten it.")
    return name


@lru_cache(CACHED_WORDS_LIMIT)
def _tier(cell: str) -> str:
    tier = clean_line(cell).upper()
    if tier not in _TIERS:
        raise ValueError(f"The tier must be one of {', '.join(Tier.values)}.")
    return tier


@lru_cache(CACHED_WORDS_LIMIT)
def _language(cell: str) -> str:
    text = clean_line(cell).casefold()
    language, _, country = text.replace("-", "_").partition("_")
    code = _LANGUAGES.get(text) or (f"{language}_{country.upper()}" if country else language)
    if not _LANGUAGE.match(code):
        raise ValueError("The language must be a code such as en, hi or en_IN.")
    return code


def _email(cell: str) -> str:
    email = clean_line(cell)
    try:
        validate_email(email)
        MaxLengthValidator(MAX_EMAIL)(email)
    except ValidationError:
        raise ValueError("This is not an email address: correct it or leave it blank.") from None
    return email


@lru_cache(CACHED_WORDS_LIMIT)
def _status(cell: str) -> str:
    status = _STATUSES.get(_plain(cell))
    if status is None:
        raise ValueError("The status must be one of active, paused, unsubscribed, invalid.")
    return status


_DETAILS = ("name", "tier", "language", "email")
_READERS: dict[str, Callable[[str], str]] = {
    "name": _name,
    "tier": _tier,
    "language": _language,
    "email": _email,
    "status": _status,
}
