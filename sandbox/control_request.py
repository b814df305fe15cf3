"""One control call as read: its command, what it names, its body and query."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.sandbox import StandIn


class AskError(ValueError):
    """The call cannot be understood or names something that does not exist; answered 400."""


@dataclass(frozen=True, slots=True)
class Ask:
    """`name` is what stands after the command in the path."""

    name: str
    body: Mapping[str, Any]
    scripts: list[Any]  # the body, if it was a list
    query: Mapping[str, str]

    def only(self, *keys: str) -> None:
        """Refuse a body with other keys: a misspelt order must not pass in silence."""
        unknown = sorted(set(self.body) - set(keys))
        if unknown:
            raise AskError(f"unknown key {unknown[0]!r}; known are {', '.join(keys)}")

    def number(self, key: str, default: float) -> float:
        """A number of the body, 0 or more."""
        value = self.body.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise AskError(f"{key} must be a number, 0 or more")
        return float(value)

    def flag(self, key: str) -> bool | None:
        """A yes or no of the body; None if it is not there."""
        value = self.body.get(key)
        if value is not None and not isinstance(value, bool):
            raise AskError(f"{key} must be true or false")
        return value

    def word(self, key: str, default: str = "") -> str:
        """A text of the body."""
        value = self.body.get(key, default)
        if not isinstance(value, str):
            raise AskError(f"{key} must be a text")
        return value

    def choice(self, key: str, known: tuple[str, ...], default: str = "") -> str:
        """A word of the body that must be one of the known ones, in any case."""
        value = self.word(key, default).upper()
        if value not in known:
            raise AskError(f"{key} must be one of {', '.join(known)}")
        return value

    def whole(self, key: str, default: int) -> int:
        """A whole number of the query."""
        text = self.query.get(key, "")
        return int(text) if text.isdigit() else default


Command = Callable[[StandIn, Ask], Awaitable[object]]
