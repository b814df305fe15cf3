"""The document's examples of the whole house, and the hook that puts all of them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from config.monitoring import health
from config.monitoring.probes import REQUIRED
from distribution.api.document.examples import events, filling, people, sending
from distribution.models import State

CHECKS = {
    "database": "It answers.",
    "broker": "It answers.",
    "workers": "5 workers serve every queue.",
    "beat": "It ticks.",
    "tick": "The regular check is made.",
    "keeper": "It keeps watch.",
    "cloud_api": "It answers.",
    "numbers": "3 of 3 phone numbers can send.",
    "inbox": "Webhooks are applied, 0 s behind.",
}
SILENT = "It does not answer within a second: this machine is not ready."
WELL = {
    "live": True,
    "ready": True,
    "status": health.OK,
    "checks": [{"name": name, "status": health.OK, "told": told} for name, told in CHECKS.items()],
}
NOT_READY = {
    "live": True,
    "ready": False,
    "status": health.DOWN,
    "checks": [
        {"name": name, "status": health.DOWN, "told": SILENT}
        if name == "database"
        else {"name": name, "status": health.OK, "told": told}
        if name in REQUIRED
        else {"name": name, "status": health.UNKNOWN, "told": health.NOT_TOLD}
        for name, told in CHECKS.items()
    ],
}


def _queue(name: str, depth: int, oldest: float | None, ended: int, does: int) -> dict[str, Any]:
    return {
        "name": name,
        "depth": depth,
        "oldest_seconds": oldest,
        "per_minute": ended,
        "workers": 1,
        "concurrency": does,
    }


QUEUES = {
    "at": "2026-11-24T06:00:13.902177+05:30",
    "broker": "ok",
    "queues": [
        _queue("mass-distribution", 13, 1.4, 27, 50),
        _queue("batch-processing", 0, None, 2, 10),
        _queue("distribution-retry", 0, None, 6, 5),
        _queue("distribution-analytics", 0, None, 1, 3),
        _queue("webhooks", 2, 0.3, 184, 2),
    ],
    "ledger": {state: sending.STATES.get(state, 0) for state in State.values},
    "inbox": {"depth": 120, "oldest_seconds": 0.8, "dead_letters": 0},
}
ALERTS: list[Mapping[str, Any]] = [
    {
        "id": 32,
        "rule": "distribution_paused",
        "scope": "distribution 142",
        "severity": "CRITICAL",
        "state": "acknowledged",
        "message": "Distribution 142 is paused: asha: A figure in it is wrong",
        "opened_at": "2026-11-24T06:00:14.220518+05:30",
        "notified_at": "2026-11-24T06:00:16.007394+05:30",
        "acknowledged_at": "2026-11-24T06:01:02.415580+05:30",
        "acknowledged_by": "vikram",
        "closed_at": None,
    },
    {
        "id": 31,
        "rule": "capacity_short",
        "scope": "distribution 142",
        "severity": "WARNING",
        "state": "open",
        "message": "Daily 2026-11-24: The phone numbers can carry 1850 of 2000 messages inside "
        "300 s today: the rest will be late.",
        "opened_at": "2026-11-24T06:00:00.390127+05:30",
        "notified_at": "2026-11-24T06:00:01.112650+05:30",
        "acknowledged_at": None,
        "acknowledged_by": None,
        "closed_at": None,
    },
]
ANSWERS: dict[str, Sequence[Mapping[str, Any]]] = {
    "HealthShown": [WELL],
    "QueueStatus": [QUEUES],
    "AlertShown": ALERTS,
    "Acknowledged": [{"acknowledged": 2}],
}
MORNING = filling.Morning(
    answers=people.ANSWERS | sending.ANSWERS | ANSWERS,
    by_operation={
        **people.BY_OPERATION,
        **sending.BY_OPERATION,
        ("health", "503"): NOT_READY,
    },
    events=events.EVENTS,
    at_other_times={
        **people.AT_OTHER_TIMES,
        **sending.AT_OTHER_TIMES,
        "ContentShown": {"headline": "Nifty opens flat"},
        "AlertShown": {"closed_at": "2026-11-24T06:04:26.118240+05:30"},
    },
)


def fill(result: Any, **_: Any) -> Any:
    """Every body and field of the document gets its examples."""
    return filling.fill(result, MORNING)
