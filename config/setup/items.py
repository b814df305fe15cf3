"""One check of the set-up as a plain value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext_lazy as _


class Result(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILS = "fails"
    NOT_CHECKED = "not checked"


WORDS = {
    Result.OK: _("OK"),
    Result.WARNING: _("Warning"),
    Result.FAILS: _("Needs action"),
    Result.NOT_CHECKED: _("Not checked"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: what was seen, and what to do about it."""

    result: Result
    seen: str
    to_do: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A check with its result."""

    key: str
    title: str
    result: Result
    seen: str
    to_do: str = ""

    @property
    def words(self) -> str:
        return str(WORDS[self.result])

    @property
    def is_done(self) -> bool:
        """Whether nothing has to be done: a warning is advice."""
        return self.result in (Result.OK, Result.WARNING)


def ok(seen: str) -> Finding:
    return Finding(Result.OK, seen)


def warning(seen: str, to_do: str) -> Finding:
    return Finding(Result.WARNING, seen, to_do)


def fails(seen: str, to_do: str) -> Finding:
    return Finding(Result.FAILS, seen, to_do)


def not_checked(seen: str, to_do: str = "") -> Finding:
    return Finding(Result.NOT_CHECKED, seen, to_do)
