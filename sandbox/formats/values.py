"""Values of a JSON object, checked against the type that is declared for each key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf
from types import UnionType
from typing import Any, Literal, get_args, get_origin

_DESCRIPTIONS: dict[Any, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number, 0 or more",
    float: "a number, 0 or more",
}


class InvalidValue(ValueError):  # noqa: N818 - the caller's error, told in a sentence
    """An unknown key, an invalid value or a name of nothing; the text says which."""


def natural(text: str | None, default: int) -> int:
    """The number that a query writes in digits, or the default."""
    return int(text) if text and re.fullmatch("[0-9]{1,18}", text) else default


def checked(kinds: Mapping[str, Any], given: object, noun: str = "key") -> dict[str, Any]:
    """The members of a JSON object; raises InvalidValue.

    `kinds` is a type per known key, or a tuple of choices, of which any spelling in upper and lower
    case is accepted. Other keys are refused, so that a misspelt one is not ignored.
    """
    if not isinstance(given, dict):
        raise InvalidValue(f"this must be an object with keys of {', '.join(kinds)}")
    for key in given:
        if key not in kinds:
            raise InvalidValue(f"there is no {noun} called {key}; known are {', '.join(kinds)}")
    return {key: _fitted(key, kinds[key], value) for key, value in given.items()}


def _fitted(key: str, kind: Any, value: Any) -> Any:
    if isinstance(kind, tuple) or get_origin(kind) is Literal:
        choices = kind if isinstance(kind, tuple) else get_args(kind)
        for choice in choices:
            if str(choice).lower() == str(value).lower():
                return choice
        raise InvalidValue(f"{key} must be one of {', '.join(map(str, choices))}")
    if get_origin(kind) is list and not isinstance(value, list):
        value = [value]  # one alone needs no list
    if not _fits(kind, value):
        raise InvalidValue(f"{key} must be {_DESCRIPTIONS.get(kind, kind)}")
    return value


def _fits(kind: Any, value: Any) -> bool:
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_fits(get_args(kind)[0], v) for v in value)
    if get_origin(kind) is dict:
        return isinstance(value, dict) and all(
            isinstance(key, str) and _fits(get_args(kind)[1], v) for key, v in value.items()
        )
    if isinstance(kind, UnionType):
        return any(_fits(member, value) for member in get_args(kind))
    if kind in (int, float):
        kinds = (int,) if kind is int else (int, float)
        return type(value) in kinds and 0 <= value < inf
    return kind is Any or type(value) is kind
