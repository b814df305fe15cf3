"""The sandbox as the tests see it: its control side, and its journal, which is the oracle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from config.processes.programs import SandboxOptions


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One message that the stand-in for Meta accepted."""

    to: str
    attempt_id: str
    number: str
    accepted_at: float
    arrived_at: float
    outcome: str


class Cloud:
    """Orders to the sandbox, and what it remembers."""

    def __init__(self, url: str, stand_in: SandboxOptions) -> None:
        self.url, self.stand_in = url, stand_in
        self._session = requests.Session()

    def journal(self) -> list[Acceptance]:
        return [
            Acceptance(
                e["to"],
                e["biz_opaque_callback_data"],
                e["phone_number_id"],
                e["accepted_at"],
                e["arrived_at"],
                e["outcome"],
            )
            for e in self.get("journal")["entries"]
        ]

    def accepted(self) -> int:
        return int(self.get("stats")["journal_last_seq"])

    def stats(self) -> dict[str, Any]:
        return self.get("stats")

    def faults(self, *faults: dict[str, Any]) -> None:
        self.post("faults", list(faults))

    def clear_faults(self) -> None:
        self._call("DELETE", "faults")

    def struck(self) -> int:
        """How often the scripted faults have struck since they were installed."""
        return sum(fault["used"] for fault in self.get("faults")["faults"])

    def calm(self) -> None:
        """No faults, no outage, webhooks flow."""
        self.clear_faults()
        self.post("outage", {"seconds": 0})
        self.post("webhooks", {"paused": False, "drop": False, "delay_s": 0})
        self.post("account", {"token_ok": True})
        for name, number in self.stats()["numbers"].items():
            if number["status"] != "CONNECTED":
                self.post(f"number/{name}", {"status": "CONNECTED", "quality": "GREEN"})

    def webhooks_are_posted(self) -> bool:
        """Whether nothing is on its way to us."""
        return self.stats()["webhooks"]["pending"] == 0

    def get(self, path: str) -> dict[str, Any]:
        return self._call("GET", path)

    def post(self, path: str, body: Any) -> dict[str, Any]:
        return self._call("POST", path, body)

    def patch(self, path: str, body: Any) -> dict[str, Any]:
        return self._call("PATCH", path, body)

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self._session.request(method, f"{self.url}/control/{path}", json=body, timeout=30)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found
