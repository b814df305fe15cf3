"""Scripted faults: which calls they match, how often, and what they do to the response."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import count
from typing import Any, get_type_hints

from sandbox.behaviour.settings import Settings
from sandbox.formats.values import InvalidValue, checked
from sandbox.world.people import digits_of

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
    "late_failure",
}
_GATEWAY_PAGE = "<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Match:
    """Which calls a fault is for, as in JSON; what is empty matches all."""

    number: list[str] = field(default_factory=list)
    to: list[str] = field(default_factory=list)  # digits
    opaque: str = ""  # a prefix
    template: list[str] = field(default_factory=list)
    nth: list[int] = field(default_factory=list)
    after: int = 0
    probability: float = 1.0
    between_s: list[float] = field(default_factory=list)  # from and until


@dataclass(slots=True, kw_only=True)
class FaultScript:
    """What a test orders, as in JSON."""

    do: str
    match: Match
    times: int | None = None
    for_seconds: float | None = None
    code: int = 131000
    details: str = ""
    status: int | None = None
    body: str = _GATEWAY_PAGE
    seconds: float = 30.0
    retry_after: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Fault(FaultScript):
    """One scripted fault. `seen` counts the calls that match number, recipient and opaque data."""

    id: int
    installed_at: float
    seen: int = 0
    used: int = 0

    @property
    def accepts(self) -> bool:
        """Whether the message is accepted and only its response is spoilt."""
        return self.do in ACCEPTED

    @property
    def is_late(self) -> bool:
        """Whether the message is accepted properly and fails by a webhook."""
        return self.do == "late_failure"

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers of a response that the API did not mean to give."""
        wait = self.retry_after
        return self.headers if wait is None else {"Retry-After": str(wait), **self.headers}

    def is_over(self, now: float) -> bool:
        """Whether it can never apply again."""
        used_up = self.times is not None and self.used >= self.times
        age = now - self.installed_at
        return used_up or (self.for_seconds is not None and age >= self.for_seconds)

    def applies(
        self, number: str, to: str, opaque: str, template: str, now: float, rng: random.Random
    ) -> bool:
        """Whether it applies to this call; counts the call if it matches."""
        match = self.match
        if match.number and number not in match.number:
            return False
        if match.to and to not in match.to:
            return False
        if not opaque.startswith(match.opaque):
            return False
        if match.template and template not in match.template:
            return False
        self.seen += 1
        if self.seen <= match.after or (match.nth and self.seen not in match.nth):
            return False
        if match.between_s:
            age = now - self.installed_at
            if not match.between_s[0] <= age < match.between_s[1]:
                return False
        return match.probability >= 1.0 or rng.random() < match.probability


@dataclass(slots=True)
class Faults:
    """The scripted faults; the first that applies is used."""

    active: list[Fault] = field(default_factory=list)
    finished: list[Fault] = field(default_factory=list)
    _ids: count[int] = field(default_factory=lambda: count(1))

    def install(self, scripts: list[Any], now: float) -> list[int]:
        """Adds faults, all or none; returns their ids. Raises InvalidValue."""
        values = [_read(script) for script in scripts]
        added = [Fault(id=next(self._ids), installed_at=now, **value) for value in values]
        self.active += added
        return [fault.id for fault in added]

    def pick(
        self, number: str, to: str, opaque: str, template: str, now: float, rng: random.Random
    ) -> Fault | None:
        """The fault that applies to this call. The caller counts its use when it takes effect."""
        for fault in list(self.active):
            if fault.is_over(now):
                self.active.remove(fault)
                self.finished.append(fault)
            elif fault.applies(number, to, opaque, template, now, rng):
                return fault
        return None

    def clear(self) -> None:
        """Removes all faults."""
        self.active.clear()
        self.finished.clear()


_MATCH_KEYS = get_type_hints(Match)
_SCRIPT_KEYS = {
    **get_type_hints(FaultScript),
    "do": tuple(sorted(NOT_ACCEPTED | ACCEPTED)),
    "match": dict[str, Any],
}


def _read(script: Any) -> dict[str, Any]:
    """The attributes of a script in JSON; raises InvalidValue."""
    values = checked(_SCRIPT_KEYS, script)
    if "do" not in values:
        raise InvalidValue("a fault needs the key do")
    match = checked(_MATCH_KEYS, values.get("match", {}))
    if len(match.get("between_s", (0, 0))) != 2:
        raise InvalidValue("between_s must be two numbers of seconds")
    match["to"] = [digits_of(person) for person in match.get("to", [])]
    if not (match.get("nth") or match.get("probability", 1) < 1 or "for_seconds" in values):
        values.setdefault("times", 1)
    return {**values, "match": Match(**match)}


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
