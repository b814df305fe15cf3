"""Readers of JSON that somebody else wrote: whatever stands there, they return what was asked
for, or nothing. None of them raises."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, NoReturn

DEEPEST = 32  # Meta's own bodies go eight deep
# Possessive, and matching unended ones too, so that the time grows with the length only.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+\\?(?:"|\Z)', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_DIGITS = re.compile(r"[0-9]{1,13}", re.ASCII)
_EARLIEST, _LATEST = 1_230_768_000, 4_102_444_800  # the years 2009 and 2100
_MILLISECONDS_FROM = 100_000_000_000


class Unreadable(ValueError):  # noqa: N818 - the body's fault, told to a human as it is
    """The bytes are no JSON object that we would read."""


def document(body: bytes) -> dict[str, Any]:
    """The JSON object that `body` holds, or Unreadable. Text in UTF-8, no NaN, not too deep."""
    if _is_deeper_than(DEEPEST, body):
        raise Unreadable(f"brackets do not match or go deeper than {DEEPEST}")
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{type(error).__name__}: {_without_content(error)}") from None
    if not isinstance(found, dict):
        raise Unreadable(f"a JSON {type(found).__name__} instead of an object")
    return found


def _is_deeper_than(levels: int, body: bytes) -> bool:
    """Whether brackets are left after taking the innermost pairs away so many times."""
    if body.count(b"{") + body.count(b"[") <= levels:  # nearly always
        return False
    # Brackets in texts are rare and texts slow to find: look without, and again when in doubt.
    # Should they hide a deeper nesting, `json` itself refuses what is really deep.
    return _is_left(levels, body) and _is_left(levels, _STRINGS.sub(b"", body))


def _is_left(levels: int, body: bytes) -> bool:
    brackets = body.translate(None, _NO_BRACKETS)
    for _ in range(levels):
        if not brackets:
            return False
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return bool(brackets)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _without_content(error: Exception) -> str:
    """Where it went wrong, without the text around it: that holds phone numbers."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return str(error)[:80] if not isinstance(error, UnicodeDecodeError) else error.reason


def record(value: object) -> dict[str, Any]:
    """A JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """A JSON array, or an empty one."""
    return value if isinstance(value, list) else []


def text(value: object, *, longest: int = 200) -> str:
    """A printable text of at most `longest` characters (ids may come as integers), or ''.

    Longer ones, control characters and halves of surrogate pairs are no text: databases refuse
    the latter two, and an id that was cut short would be another id.
    """
    if type(value) is int and -(10**20) < value < 10**20:
        return str(value)
    if isinstance(value, str) and len(value) <= longest and value.isprintable():
        return value
    return ""


def word(value: object) -> str:
    """One of Meta's constants, in upper case; '' when it does not look like one."""
    return text(value, longest=80).upper()


def integer(value: object, *, low: int = 0, high: int = 2**31 - 1) -> int | None:
    """A whole number in `low`..`high`, also when it is written as a text."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if type(value) is int and low <= value <= high:
        return value
    return None


def moment(value: object, *, latest: datetime) -> datetime:
    """Unix seconds (or milliseconds) as text or number; `latest` if it is none or lies after.

    Nothing has happened after we heard of it: a clock that runs ahead must not win.
    """
    seconds = integer(value, high=10**13)
    if seconds is not None and seconds >= _MILLISECONDS_FROM:
        seconds //= 1000
    if seconds is None or not _EARLIEST <= seconds <= _LATEST:
        return latest
    return min(datetime.fromtimestamp(seconds, UTC), latest)
