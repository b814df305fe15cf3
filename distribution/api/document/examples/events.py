"""Events of distribution 142's morning, by type. Unlike the API's answers they tell UTC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distribution.models import EventKind

TOLD: Mapping[str, Any] = {
    "id": 142,
    "kind": "DAILY",
    "date": "2026-11-24",
    "state": "SENDING",
    "reason": "",
    "content": 87,
    "planned_at": "2026-11-24T00:30:00Z",
    "opened_at": "2026-11-24T00:30:00.412Z",
    "window_end": "2026-11-24T01:00:00Z",
    "completed_at": None,
    "recipients": 2000,
}
PAUSED = {**TOLD, "state": "PAUSED", "reason": "asha: A figure in it is wrong"}
COMPLETED = {**TOLD, "state": "COMPLETED", "completed_at": "2026-11-24T00:35:04.118Z"}
CANCELLED = {**TOLD, "state": "CANCELLED", "reason": "asha: Nifty did not open"}
MISSED = {
    **TOLD,
    "state": "MISSED",
    "reason": "Too late to begin.",
    "opened_at": None,
    "window_end": None,
    "recipients": 0,
}
PROGRESS = {
    "owed": 1999,
    "accepted_share": 1297 / 1999,
    "delivered_share": 1104 / 1999,
    "projected_share": 1996 / 1999,
    "estimated_completion": "2026-11-24T00:30:20.088Z",
    "violations": ["At the present rate the sending ends after the window."],
}
REPORT = {
    "recipients": 2000,
    "owed": 1999,
    "accepted": 1996,
    "delivered": 1990,
    "read": 1212,
    "failed": 3,
    "skipped": 1,
    "unconfirmed": 0,
    "failures": {"undeliverable": 3},
    "skips": {"opted_out": 1},
    "doubles": {"confirmed": 0, "suspected": 0},
    "sent_again": {"by_rule": 0, "by_hand": 0},
    "sla_accepted": 1996 / 1999,
    "sla_delivered": 1990 / 1999,
    "sla_met": True,
    "violations": ["It began 12 s late."],
    "first_accepted_at": "2026-11-24T00:30:00.688210+00:00",
    "last_accepted_at": "2026-11-24T00:30:20.541107+00:00",
}
FAILURES = [
    {"id": 284003, "subscriber": 1003, "reason": "undeliverable", "code": 131026},
    {"id": 284117, "subscriber": 1117, "reason": "unsendable", "code": None},
]
ALERT = {
    "id": 32,
    "rule": "distribution_paused",
    "scope": "distribution 142",
    "severity": "CRITICAL",
    "message": "Distribution 142 is paused: asha: A figure in it is wrong",
    "opened_at": "2026-11-24T00:30:14.220Z",
    "closed_at": None,
}
CONTENT = {
    "id": 87,
    "date": "2026-11-24",
    "title": "24 November: Nifty opens flat",
    "state": "APPROVED",
    "is_fallback": False,
    "message_template": 3,
    "decided_at": "2026-11-23T10:35:51.660Z",
    "reason": "",
}


def _event(kind: EventKind, moment: str, **data: Any) -> dict[str, Any]:
    return {"type": kind.value, "timestamp": f"2026-11-{moment}Z", "data": data}


EVENTS: Mapping[str, Any] = {
    one["type"]: one
    for one in (
        _event(EventKind.DISTRIBUTION_OPENED, "24T00:30:00.412", distribution=TOLD),
        _event(
            EventKind.DISTRIBUTION_SENDING,
            "24T00:30:13.084",
            distribution=TOLD,
            progress=PROGRESS,
        ),
        _event(EventKind.DISTRIBUTION_PAUSED, "24T00:30:14.220", distribution=PAUSED),
        _event(
            EventKind.DISTRIBUTION_COMPLETED,
            "24T00:35:04.118",
            distribution=COMPLETED,
            report=REPORT,
        ),
        _event(EventKind.DISTRIBUTION_CANCELLED, "24T00:31:40.006", distribution=CANCELLED),
        _event(EventKind.DISTRIBUTION_MISSED, "24T12:30:04.713", distribution=MISSED),
        _event(
            EventKind.DELIVERIES_FAILED,
            "24T00:30:16.551",
            distribution={"id": 142},
            deliveries=FAILURES,
        ),
        _event(EventKind.ALERT_OPENED, "24T00:30:14.220", alert=ALERT),
        _event(
            EventKind.ALERT_CLOSED,
            "24T00:34:26.118",
            alert={**ALERT, "closed_at": "2026-11-24T00:34:26.118Z"},
        ),
        _event(EventKind.CONTENT_APPROVED, "23T10:35:51.660", content=CONTENT),
        _event(
            EventKind.CONTENT_REJECTED,
            "23T10:35:51.660",
            content={**CONTENT, "state": "REJECTED", "reason": "The minutes come at two"},
        ),
    )
}
