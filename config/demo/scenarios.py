"""The demo's scenarios: how the sandbox behaves and which incidents it simulates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from config.demo.preparation import POOL


@dataclass(frozen=True, slots=True)
class Incident:
    """A call of the sandbox's control API when a share of the messages is accepted."""

    share: float
    description: str
    path: str
    body: Any


@dataclass(frozen=True, slots=True)
class Scenario:
    """The sandbox's settings, and incidents in the order of their shares."""

    sandbox_settings: dict[str, Any] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    lost: tuple[str, ...] = ()  # labels of numbers that are out of service from the beginning


def _storm(share: float, place: int) -> Incident:
    """Two seconds of 130429 on a number of the pool."""
    number = POOL[place]
    match = {"number": number.meta_id}
    fault = {"match": match, "do": "error", "code": 130429, "for_seconds": 2.0}
    return Incident(share, f"130429 storm on {number.label}, 2 s", "/control/faults", [fault])


_FLAGGED = {"status": "FLAGGED"}
_FLAG_NUMBER = f"/control/number/{POOL[1].meta_id}"

_SHARES = {
    "invalid": 0.04,
    "capped": 0.02,
    "late_failure": 0.04,
    "never": 0.03,
    "failed_after_delivered": 0.01,
}


def _refusals(share: float, code: int, seconds: float) -> Incident:
    """A quarter of the calls are refused with this code for this many seconds."""
    fault = {"do": "error", "code": code, "for_seconds": seconds, "match": {"probability": 0.25}}
    return Incident(
        share, f"{code} for a quarter of the calls, {seconds:g} s", "/control/faults", fault
    )


SCENARIOS: dict[str, Scenario] = {
    "normal_load": Scenario(),
    "phone_failure": Scenario(
        incidents=(Incident(0.35, "Meta flags primary_2", _FLAG_NUMBER, _FLAGGED),)
    ),
    "number_lost": Scenario(lost=(POOL[0].label,)),
    "api_rate_limit": Scenario(incidents=(_storm(0.2, 0), _storm(0.5, 1))),
    "mixed_outcomes": Scenario(
        {"outcome_shares": {"UTILITY": _SHARES}, "reset_after_accept_share": 0.03},
        (_refusals(0.1, 131016, 3.0),),
    ),
    "network_latency": Scenario({"latency_p50_ms": 1000, "latency_p95_ms": 2200}),
}

# They take a number away, or name the second one.
NEEDING_TWO = ("phone_failure", "number_lost", "api_rate_limit")
