"""The JSON types of a request's values: one of another type is refused with error 100."""

from __future__ import annotations

from typing import Any

from sandbox.formats.errors import Refusal, require

_NAMES = {str: "a string", int: "an integer", dict: "a JSON object", list: "an array"}


def text(value: object, name: str) -> str:
    """A string; null and what is missing are an empty one. Raises Refusal 100."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _of_another_type(name, str)
    return value


def record(value: object, name: str) -> dict[str, Any]:
    """A JSON object; null and what is missing are an empty one. Raises Refusal 100."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _of_another_type(name, dict)
    return value


def array(value: object, name: str) -> list[Any]:
    """An array; null and what is missing are an empty one. Raises Refusal 100."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise _of_another_type(name, list)
    return value


def integer(value: object, name: str) -> int | None:
    """An integer, or None for null and what is missing. Raises Refusal 100."""
    if value is not None and type(value) is not int:  # true and false are no numbers in JSON
        raise _of_another_type(name, int)
    return value


def coordinate(value: object, name: str) -> str:
    """Degrees as a string or a number; empty for null and what is missing. Raises Refusal 100."""
    if value is None:
        return ""
    require(type(value) in (str, int, float), 100, f"Param {name} must be a number.")
    return str(value)


def _of_another_type(name: str, kind: type) -> Refusal:
    return Refusal(100, f"Param {name} must be {_NAMES[kind]}.")
