"""What goes wrong in the morning, on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from config.demo.journal_verdict import Sandbox
from config.demo.preparation import POOL


@dataclass(slots=True)
class Scenario:
    """How the sandbox behaves, and what happens once a share of the messages is accepted."""

    name: str
    sandbox_settings: dict[str, Any] = field(default_factory=dict)
    # (share of the audience accepted, what then happens to the sandbox), in order
    incidents: list[tuple[float, str, Callable[[Sandbox], None]]] = field(default_factory=list)

    def proceed(self, share: float, sandbox: Sandbox) -> str | None:
        """Let the next incident happen when its share is reached; what happened."""
        if self.incidents and share >= self.incidents[0][0]:
            _, told, act = self.incidents.pop(0)
            act(sandbox)
            return told
        return None


def _flag_a_primary(sandbox: Sandbox) -> None:
    sandbox.post(f"/control/number/{POOL[1].meta_id}", {"status": "FLAGGED"})


def _storm(number: str, seconds: float) -> Callable[[Sandbox], None]:
    fault = {
        "match": {"number": number},
        "do": "error",
        "code": 130429,
        "for_seconds": seconds,
    }
    return lambda sandbox: sandbox.post("/control/faults", [fault])


def scenario(name: str) -> Scenario:
    """A fresh scenario of that name; KeyError for an unknown one."""
    return SCENARIOS[name]()


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    "normal_load": lambda: Scenario("normal_load"),
    "phone_failure": lambda: Scenario(
        "phone_failure",
        incidents=[(0.35, "Meta flags primary_2", _flag_a_primary)],
    ),
    "api_rate_limit": lambda: Scenario(
        "api_rate_limit",
        incidents=[
            (0.2, "130429 storm on primary_1, 2 s", _storm(POOL[0].meta_id, 2.0)),
            (0.5, "130429 storm on primary_2, 2 s", _storm(POOL[1].meta_id, 2.0)),
        ],
    ),
    "network_latency": lambda: Scenario(
        "network_latency",
        sandbox_settings={"latency_p50_ms": 1000, "latency_p95_ms": 2200},
    ),
}
