"""Scripted faults: which calls they match, how often, and what they do to the response."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sandbox.settings import Settings
from sandbox.state import digits_of

# Faults whose call is not accepted …
NOT_ACCEPTED = {"error", "http", "hang", "reset_before_read"}
# … and faults whose call is accepted, with a spoilt response.
ACCEPTED = {
    "accept_then_delay",
    "accept_then_reset",
    "accept_then_http",
    "accept_but_error",
    "truncated_200",
    "200_without_id",
    "slow_drip",
}
_MATCH_KEYS = {"number", "to", "opaque", "nth", "after", "probability", "between_s"}
_VALUES: dict[str, type] = {
    "times": int,
    "for_seconds": float,
    "code": int,
    "details": str,
    "status": int,
    "body": str,
    "seconds": float,
    "retry_after": int,
}
_FAULT_KEYS = {"match", "do", *_VALUES}
_DEFAULT_TIMES = 1
_GATEWAY_PAGE = "<html><body><h1>502 Bad Gateway</h1></body></html>"


class FaultError(ValueError):
    """An invalid fault; the text is the reason."""


@dataclass(slots=True)
class Fault:
    """One scripted fault. `seen` counts the calls that match number, recipient and opaque data."""

    id: int
    do: str
    installed_at: float
    numbers: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    opaque: str = ""
    nth: frozenset[int] = frozenset()
    after: int = 0
    probability: float = 1.0
    between_s: tuple[float, float] | None = None
    times: int | None = None
    until: float | None = None
    code: int = 131000
    details: str = ""
    status: int | None = None
    body: str = _GATEWAY_PAGE
    seconds: float = 30.0
    retry_after: int | None = None
    seen: int = 0
    used: int = 0

    @property
    def accepts(self) -> bool:
        """Whether the message is accepted and only its response is spoilt."""
        return self.do in ACCEPTED

    def is_over(self, now: float) -> bool:
        """Whether it can never apply again."""
        used_up = self.times is not None and self.used >= self.times
        return used_up or (self.until is not None and now >= self.until)

    def applies(self, number: str, to: str, opaque: str, now: float, rng: random.Random) -> bool:
        """Whether it applies to this call; counts the call if it matches."""
        if self.numbers and number not in self.numbers:
            return False
        if self.people and to not in self.people:
            return False
        if self.opaque and not opaque.startswith(self.opaque):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.nth and self.seen not in self.nth):
            return False
        if self.between_s is not None:
            age = now - self.installed_at
            if not self.between_s[0] <= age < self.between_s[1]:
                return False
        return self.probability >= 1.0 or rng.random() < self.probability


@dataclass(slots=True)
class Faults:
    """The scripted faults; the first that applies is used."""

    active: list[Fault] = field(default_factory=list)
    finished: list[Fault] = field(default_factory=list)
    _ids: count[int] = field(default_factory=lambda: count(1))

    def install(self, scripts: list[Any], now: float) -> list[int]:
        """Adds faults, all or none; returns their ids. Raises FaultError."""
        added = [fault_from(script, 0, now) for script in scripts]
        for fault in added:
            fault.id = next(self._ids)
        self.active += added
        return [fault.id for fault in added]

    def pick(
        self, number: str, to: str, opaque: str, now: float, rng: random.Random
    ) -> Fault | None:
        """The fault that applies to this call. The caller counts its use when it takes effect."""
        for fault in list(self.active):
            if fault.is_over(now):
                self.active.remove(fault)
                self.finished.append(fault)
            elif fault.applies(number, to, opaque, now, rng):
                return fault
        return None

    def clear(self) -> None:
        """Removes all faults."""
        self.active.clear()
        self.finished.clear()


def fault_from(script: Any, fault_id: int, now: float) -> Fault:
    """One fault from its JSON form; raises FaultError."""
    if not isinstance(script, dict) or not set(script) <= _FAULT_KEYS:
        raise FaultError(f"a fault is an object with keys of {sorted(_FAULT_KEYS)}")
    do = script.get("do")
    if do not in NOT_ACCEPTED | ACCEPTED:
        raise FaultError(f"do must be one of {sorted(NOT_ACCEPTED | ACCEPTED)}")
    for key, kind in _VALUES.items():
        if key in script:
            _check_value(key, script[key], kind)
    fault = Fault(fault_id, do, now)
    _set_match(fault, script.get("match") or {})
    seconds = script.get("for_seconds")
    fault.until = now + seconds if seconds is not None else None
    endless = seconds is not None or fault.probability < 1 or bool(fault.nth)
    fault.times = script.get("times", None if endless else _DEFAULT_TIMES)
    for key in ("code", "details", "status", "body", "seconds", "retry_after"):
        if key in script:
            setattr(fault, key, script[key])
    return fault


def _check_value(key: str, value: Any, kind: type) -> None:
    allowed = (int, float) if kind is float else (kind,)
    if type(value) not in allowed or (kind is not str and value < 0):
        raise FaultError(f"{key} must be a {'text' if kind is str else 'number, 0 or more'}")


def _set_match(fault: Fault, match: Mapping[str, Any]) -> None:
    if not isinstance(match, dict) or not set(match) <= _MATCH_KEYS:
        raise FaultError(f"match is an object with keys of {sorted(_MATCH_KEYS)}")
    fault.numbers = frozenset(map(str, _listed(match.get("number"))))
    fault.people = frozenset(digits_of(str(person)) for person in _listed(match.get("to")))
    fault.opaque = str(match.get("opaque", ""))
    fault.nth = frozenset(map(int, _listed(match.get("nth"))))
    fault.after = int(match.get("after", 0))
    fault.probability = float(match.get("probability", 1.0))
    between = match.get("between_s")
    if between is not None:
        fault.between_s = (float(between[0]), float(between[1]))


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


class ServerErrorBursts:
    """Random server errors, several in a row, for a share of all calls."""

    _CODES = (131000, 131016, 2)

    def __init__(self) -> None:
        self._left = 0
        self._code = 0

    def code(self, settings: Settings, rng: random.Random) -> int:
        """The code this call fails with, or 0."""
        if self._left == 0:
            if rng.random() >= settings.server_error_share / settings.server_error_burst:
                return 0
            self._left = round(settings.server_error_burst)
            self._code = rng.choice(self._CODES)
        self._left -= 1
        return self._code
