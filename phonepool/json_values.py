"""Reads JSON written by others without trusting its shape: Meta's responses, webhooks, templates.

The `as_…` functions return the value if it has the wanted type, else an empty one. Only
`parse_object` raises.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, NoReturn

DEPTH_LIMIT = 32  # Meta's own bodies are eight levels deep
# Possessive, and matching unterminated strings too, so that the time is linear in the length.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+\\?(?:"|\Z)', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = b"[{"
_DIGITS = re.compile(r"[0-9]{1,13}", re.ASCII)
_EARLIEST_SECOND, _LATEST_SECOND = 1_230_768_000, 4_102_444_800  # the years 2009 and 2100
_MILLISECONDS_FROM = 100_000_000_000


class Unreadable(ValueError):  # noqa: N818 - the body is at fault; operators read the text
    """The bytes are not an acceptable JSON object."""


def parse(body: bytes) -> Any:
    """Any JSON value; None where the bytes hold none, or one that nests too deeply."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, else Unreadable. Only UTF-8, no NaN, limited nesting."""
    if _has_many_brackets(DEPTH_LIMIT, body) and not _closes_within(DEPTH_LIMIT, body):
        raise Unreadable(f"brackets do not match or go deeper than {DEPTH_LIMIT}")
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{type(error).__name__}: {_without_content(error)}") from None
    if not isinstance(value, dict):
        raise Unreadable(f"a JSON {type(value).__name__} instead of an object")
    return value


def is_deeper_than(levels: int, body: bytes) -> bool:
    """Whether brackets nest deeper than this; those inside strings do not count."""
    if not _has_many_brackets(levels, body):
        return False
    depth = 0
    for bracket in _STRINGS.sub(b"", body).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in _OPENING else -1
        if depth > levels:
            return True
    return False


def _has_many_brackets(limit: int, body: bytes) -> bool:
    return body.count(b"{") + body.count(b"[") > limit


def _closes_within(levels: int, body: bytes) -> bool:
    """Whether no bracket is left after removing the innermost pairs this many times.

    Removing strings first takes 17 times as long and brackets inside strings are rare, so the
    first try keeps them. Where they hide deeper nesting, `json` refuses what is too deep for it.
    """
    return _all_paired(levels, body) or _all_paired(levels, _STRINGS.sub(b"", body))


def _all_paired(levels: int, body: bytes) -> bool:
    brackets = body.translate(None, _NO_BRACKETS)
    for _ in range(levels):
        if not brackets:
            break
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return not brackets


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _without_content(error: Exception) -> str:
    """The reason and position without the text around it, which may hold phone numbers."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return str(error)[:80] if not isinstance(error, UnicodeDecodeError) else error.reason


def as_object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_array(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def objects_in(value: object) -> list[dict[str, Any]]:
    """The objects among the items of an array."""
    return [item for item in as_array(value) if isinstance(item, dict)]


def as_string(value: object) -> str:
    return value if isinstance(value, str) else ""


def as_text(value: object, *, longest: int = 200) -> str:
    """A printable text of at most `longest` characters (ids may be integers), or ''.

    Longer texts count as empty, because a shortened id would be another id. So do control
    characters and halves of surrogate pairs, because databases refuse them.
    """
    if type(value) is int and -(10**20) < value < 10**20:
        return str(value)
    if isinstance(value, str) and len(value) <= longest and value.isprintable():
        return value
    return ""


def as_printable(value: object) -> str:
    """The printable characters of a text, up to 1024 (ids may be integers), or ''."""
    if type(value) is int:
        return str(value)[:20]
    text = as_string(value)[:1024]
    return text if text.isprintable() else "".join(filter(str.isprintable, text))


def as_constant(value: object) -> str:
    """One of Meta's constants in upper case, or ''."""
    return as_text(value, longest=80).upper()


def as_integer(value: object, *, low: int = 0, high: int = 2**31 - 1) -> int | None:
    """A whole number in `low`..`high`, also if it is written as a string."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if type(value) is int and low <= value <= high:
        return value
    return None


def as_datetime(value: object, *, latest: datetime) -> datetime:
    """Unix seconds (or milliseconds) as string or number; `latest` if invalid or later.

    Nothing happens after we received its report: a clock that runs ahead must not win.
    """
    seconds = as_integer(value, high=10**13)
    if seconds is not None and seconds >= _MILLISECONDS_FROM:
        seconds //= 1000
    if seconds is None or not _EARLIEST_SECOND <= seconds <= _LATEST_SECOND:
        return latest
    return min(datetime.fromtimestamp(seconds, UTC), latest)
