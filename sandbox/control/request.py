"""A parsed call of the control API, and the table of the commands with the keys of their bodies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.formats.values import InvalidValue, natural
from sandbox.sandbox import Sandbox
from sandbox.world.accounts import Number, Waba
from sandbox.world.people import digits_of, wa_id_of


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
        return natural(self.query.get(key), default)

    @property
    def age_s(self) -> float:
        """How old a notice is to be. An older one only tells: the state stays as it is."""
        return float(self.body.get("age_s", 0.0))

    def waba(self, sandbox: Sandbox, name: str = "") -> Waba:
        """The account of this id, else that of the body, else the first; raises InvalidValue."""
        wabas = sandbox.world.wabas
        name = name or self.body.get("waba", "") or sandbox.world.first_waba.id
        if name not in wabas:
            raise InvalidValue(f"there is no account {name}; known are {', '.join(wabas)}")
        return wabas[name]

    def number(self, sandbox: Sandbox, name: str = "") -> Number:
        """The number of this id, else that of the body, else the first; raises InvalidValue."""
        numbers = sandbox.world.numbers
        name = name or self.body.get("number", "") or next(iter(numbers))
        if name not in numbers:
            raise InvalidValue(f"there is no number {name}; known are {', '.join(numbers)}")
        return numbers[name]


def person_of(text: str) -> str:
    """A person in WhatsApp's spelling, or a user id; raises InvalidValue."""
    person = text if "." in text else wa_id_of(digits_of(text))
    if not person:
        raise InvalidValue("a person is named by a phone number with country code, or a user id")
    return person


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
