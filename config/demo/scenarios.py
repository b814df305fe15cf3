"""The demo's scenarios: how the sandbox behaves and which incidents it simulates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from config.demo.journal_verdict import SandboxClient
from config.demo.preparation import POOL


@dataclass(slots=True)
class Scenario:
    """The sandbox's settings, and incidents that happen when a share of messages is accepted."""

    name: str
    sandbox_settings: dict[str, Any] = field(default_factory=dict)
    # (accepted share of the audience, description, action on the sandbox), in order
    incidents: list[tuple[float, str, Callable[[SandboxClient], None]]] = field(
        default_factory=list
    )

    def run_next_incident(self, share: float, sandbox: SandboxClient) -> str | None:
        """Runs the next incident if its share is reached, and returns its description."""
        if self.incidents and share >= self.incidents[0][0]:
            _, description, run = self.incidents.pop(0)
            run(sandbox)
            return description
        return None


def _flag_primary(sandbox: SandboxClient) -> None:
    sandbox.post(f"/control/number/{POOL[1].meta_id}", {"status": "FLAGGED"})


def _rate_limit_errors(number: str, seconds: float) -> Callable[[SandboxClient], None]:
    fault = {
        "match": {"number": number},
        "do": "error",
        "code": 130429,
        "for_seconds": seconds,
    }
    return lambda sandbox: sandbox.post("/control/faults", [fault])


def scenario(name: str) -> Scenario:
    """A new scenario of that name; KeyError if it is unknown."""
    return SCENARIOS[name]()


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    "normal_load": lambda: Scenario("normal_load"),
    "phone_failure": lambda: Scenario(
        "phone_failure",
        incidents=[(0.35, "Meta flags primary_2", _flag_primary)],
    ),
    "api_rate_limit": lambda: Scenario(
        "api_rate_limit",
        incidents=[
            (0.2, "130429 storm on primary_1, 2 s", _rate_limit_errors(POOL[0].meta_id, 2.0)),
            (0.5, "130429 storm on primary_2, 2 s", _rate_limit_errors(POOL[1].meta_id, 2.0)),
        ],
    ),
    "network_latency": lambda: Scenario(
        "network_latency",
        sandbox_settings={"latency_p50_ms": 1000, "latency_p95_ms": 2200},
    ),
}
