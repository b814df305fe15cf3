"""A parsed call of the control API, and the table of the commands with the keys of their bodies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """One call; `name` is the part of the path after the command, `body` is checked."""

    name: str
    body: Any
    query: Mapping[str, str]

    def assign(self, target: object, *keys: str, **renamed: str) -> None:
        """Sets those attributes of `target` that the body has; `renamed` is attribute=key."""
        for attribute, key in {**dict(zip(keys, keys, strict=True)), **renamed}.items():
            if key in self.body:
                setattr(target, attribute, self.body[key])

    def query_integer(self, key: str, default: int) -> int:
        """An integer of the query."""
        value = self.query.get(key, "")
        return int(value) if value.isdigit() else default


Run = Callable[[Sandbox, ControlRequest], Awaitable[object]]


class Commands(dict[tuple[str, str], tuple[Run, Mapping[str, Any] | None]]):
    """By HTTP method and path: the function, and the keys of the body with their types."""

    def add(
        self, method: str, path: str, keys: Mapping[str, Any] | None = None
    ) -> Callable[[Run], Run]:
        """Decorates the function of a command. Without keys it checks its body itself."""

        def register(run: Run) -> Run:
            self[method, path] = run, keys
            return run

        return register
