"""Reads a CSV of rates: the lines, or what is wrong with each. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from subscribers.spreadsheets import unescape_formula

REQUIRED = ("market", "prefix", "category", "price", "currency", "valid_from", "source")
COLUMNS = (*REQUIRED, "from_n")
LINES_LIMIT = 5000  # Meta's list has about 200 markets and 5 categories
ERRORS_SHOWN = 20
PREFIX = re.compile(r"\+[1-9][0-9]{0,6}")
CATEGORY = re.compile(r"[a-z][a-z_]{2,39}")
CURRENCY = re.compile(r"[A-Z]{3}")
PRICE = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
WHOLE = re.compile(r"[1-9][0-9]{0,11}")


@dataclass(frozen=True, slots=True)
class RateLine:
    """One line of the file; the fields are the columns of `Rate`."""

    market: str
    prefix: str
    category: str
    price: Decimal
    currency: str
    valid_from: date
    source: str
    from_n: int

    def columns(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def key(self) -> tuple[object, ...]:
        return (self.prefix, self.category, self.currency, self.valid_from, self.from_n)


@dataclass(slots=True)
class RateFile:
    """What a file has: lines, and errors as sentences that name the line."""

    lines: list[RateLine] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class _WrongValueError(ValueError):
    """The text says what the column needs."""


def parse(text: str) -> RateFile:
    """Every line of a CSV with a header; any column order, unknown columns are refused."""
    found = RateFile()
    try:
        rows = csv.reader(io.StringIO(text.lstrip("\ufeff")), strict=True)
        header = [name.strip().lower() for name in next(rows, [])]
        if problem := _header_problem(header):
            found.errors.append(problem)
            return found
        for values in rows:
            if any(value.strip() for value in values):
                _read(found, rows.line_num, header, values)
            if len(found.lines) > LINES_LIMIT:
                found.errors.append(_("A file can have %(count)s lines.") % {"count": LINES_LIMIT})
                break
    except csv.Error as error:
        found.errors.append(_("This is not a CSV file: %(error)s.") % {"error": error})
    if not found.lines and not found.errors:
        found.errors.append(_("The file has no lines below its header."))
    _refuse_repeated(found)
    _refuse_without_first_step(found)
    return found


def _header_problem(header: list[str]) -> str:
    missing = [name for name in REQUIRED if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    if missing:
        return _("Line 1: the columns %(names)s are missing.") % {"names": ", ".join(missing)}
    if unknown or len(set(header)) < len(header):
        names = ", ".join(unknown) or _("repeated ones")
        return _("Line 1: remove the columns %(names)s.") % {"names": names}
    return ""


def _read(found: RateFile, number: int, header: list[str], values: list[str]) -> None:
    if len(values) != len(header):
        found.errors.append(
            _("Line %(line)s has %(count)s values, not %(wanted)s.")
            % {"line": number, "count": len(values), "wanted": len(header)}
        )
        return
    given = dict(zip(header, (unescape_formula(value.strip()) for value in values), strict=True))
    given["from_n"] = given.get("from_n") or "1"
    read: dict[str, Any] = {}
    for name, reader in READERS.items():
        try:
            read[name] = reader(given[name])
        except _WrongValueError as error:
            found.errors.append(
                _("Line %(line)s, %(column)s: %(problem)s")
                % {"line": number, "column": name, "problem": error}
            )
    if len(read) == len(READERS):
        found.lines.append(RateLine(**read))


def _text(limit: int) -> Callable[[str], str]:
    def read(value: str) -> str:
        if not value or len(value) > limit or not value.isprintable():
            raise _WrongValueError(_("write 1 to %(limit)s characters.") % {"limit": limit})
        return value

    return read


def _like(pattern: re.Pattern[str], words: Callable[[], str]) -> Callable[[str], str]:
    def read(value: str) -> str:
        if not pattern.fullmatch(value):
            raise _WrongValueError(words())
        return value

    return read


def _category(value: str) -> str:
    return _like(CATEGORY, lambda: _("write utility, marketing, authentication or service."))(
        value.lower().replace("-", "_")
    )


def _price(value: str) -> Decimal:
    words = _("write a price like 0.115, with a point and without a currency sign.")
    try:
        return Decimal(_like(PRICE, lambda: words)(value))
    except InvalidOperation:  # pragma: no cover - the pattern allows only numbers
        raise _WrongValueError(words) from None


def _day(value: str) -> date:
    try:
        if len(value) == len("2026-01-01"):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise _WrongValueError(_("write a day like 2027-01-01."))


READERS: Mapping[str, Callable[[str], Any]] = {
    "market": _text(60),
    "prefix": _like(PREFIX, lambda: _("write a country code like +91.")),
    "category": _category,
    "price": _price,
    "currency": lambda value: _like(CURRENCY, lambda: _("write a code like INR."))(value.upper()),
    "valid_from": _day,
    "source": _text(200),
    "from_n": lambda value: int(_like(WHOLE, lambda: _("write a whole number from 1."))(value)),
}


def _refuse_repeated(found: RateFile) -> None:
    seen: set[tuple[object, ...]] = set()
    for line in found.lines:
        if line.key in seen:
            found.errors.append(_("Listed twice: %(rate)s.") % {"rate": _words(line)})
        seen.add(line.key)


def _refuse_without_first_step(found: RateFile) -> None:
    """Prices by volume need the price of the first message."""
    first = {line.key[:-1] for line in found.lines if line.from_n == 1}
    for line in found.lines:
        if line.key[:-1] not in first:
            first.add(line.key[:-1])
            found.errors.append(
                _("%(rate)s: a line with from_n 1 is missing.") % {"rate": _words(line)}
            )


def _words(line: RateLine) -> str:
    return f"{line.market} {line.category} {line.currency} {line.valid_from} ({line.from_n})"
