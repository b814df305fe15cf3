"""A parsed call of the control API: name, body and query, with typed access."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.sandbox import Sandbox


class ControlError(ValueError):
    """The call is invalid or names something that does not exist; answered with 400."""


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """One call; `name` is the part of the path after the command."""

    name: str
    body: Mapping[str, Any]
    scripts: list[Any]  # the body, if it was a list
    query: Mapping[str, str]

    def allow_only(self, *keys: str) -> None:
        """Refuses a body with other keys, so that a misspelt one is not ignored."""
        unknown = sorted(set(self.body) - set(keys))
        if unknown:
            raise ControlError(f"unknown key {unknown[0]!r}; known are {', '.join(keys)}")

    def number(self, key: str, default: float) -> float:
        """A number of the body, 0 or more."""
        value = self.body.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ControlError(f"{key} must be a number, 0 or more")
        return float(value)

    def flag(self, key: str) -> bool | None:
        """A boolean of the body; None if it is missing."""
        value = self.body.get(key)
        if value is not None and not isinstance(value, bool):
            raise ControlError(f"{key} must be true or false")
        return value

    def text(self, key: str, default: str = "") -> str:
        """A text of the body."""
        value = self.body.get(key, default)
        if not isinstance(value, str):
            raise ControlError(f"{key} must be a text")
        return value

    def choice(self, key: str, known: tuple[str, ...], default: str = "") -> str:
        """A text of the body that must be one of `known`, in any case."""
        value = self.text(key, default).upper()
        if value not in known:
            raise ControlError(f"{key} must be one of {', '.join(known)}")
        return value

    def query_integer(self, key: str, default: int) -> int:
        """An integer of the query."""
        value = self.query.get(key, "")
        return int(value) if value.isdigit() else default


Command = Callable[[Sandbox, ControlRequest], Awaitable[object]]
