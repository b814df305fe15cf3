"""Distribution 142 and its content, numbers, deliveries and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from distribution.api.document.examples.people import NOT_ON_WHATSAPP, READ

DISTRIBUTION: Mapping[str, Any] = {
    "id": 142,
    "kind": "DAILY",
    "date": "2026-11-24",
    "planned_at": "2026-11-24T06:00:00+05:30",
    "state": "SENDING",
    "state_reason": "",
    "content": 87,
    "opened_at": "2026-11-24T06:00:00.412803+05:30",
    "sla_deadline": "2026-11-24T06:05:00+05:30",
    "completed_at": None,
    "recipients": 2000,
    "status_url": "/api/distribution/status?id=142",
}
NOT_BEGUN = {"state": "SCHEDULED", "opened_at": None, "sla_deadline": None, "recipients": 0}
TRIGGERED = {
    **DISTRIBUTION,
    **NOT_BEGUN,
    "id": 143,
    "kind": "MANUAL",
    "planned_at": "2026-11-24T09:12:30.551264+05:30",
    "status_url": "/api/distribution/status?id=143",
}
PLANNED = {
    **DISTRIBUTION,
    **NOT_BEGUN,
    "id": 144,
    "kind": "ONE_TIME",
    "planned_at": "2026-11-24T16:30:00+05:30",
    "status_url": "/api/distribution/status?id=144",
}
BEFORE = {
    **DISTRIBUTION,
    "id": 139,
    "kind": "ONE_TIME",
    "date": "2026-11-20",
    "planned_at": "2026-11-20T16:30:00+05:30",
    "state": "COMPLETED",
    "content": 83,
    "opened_at": "2026-11-20T16:30:00.377120+05:30",
    "sla_deadline": "2026-11-20T16:35:00+05:30",
    "completed_at": "2026-11-20T16:34:12.904517+05:30",
    "recipients": 1995,
    "status_url": "/api/distribution/status?id=139",
}
PAUSED = {**DISTRIBUTION, "state": "PAUSED", "state_reason": "asha: A figure in it is wrong"}
CANCELLED = {**DISTRIBUTION, "state": "CANCELLED", "state_reason": "asha: Nifty did not open"}

FAILED_REASON = {
    "reason": "undeliverable",
    "words": "the number is not on WhatsApp, or cannot be reached",
    "advice": "Ask the person by another way; drop the number if it repeats.",
}
OPTED_OUT_REASON = {
    "reason": "opted_out",
    "words": "opted out before it was sent",
    "advice": "Nothing: the wish is kept.",
}
STATES = {
    "PENDING": 641,
    "CLAIMED": 50,
    "INFLIGHT": 8,
    "ACCEPTED": 1297,
    "FAILED": 3,
    "SKIPPED": 1,
}


def _part(label: str, role: str, accepted: int, delivered: int, failed: int) -> dict[str, Any]:
    sends = role == "Primary"
    return {
        "label": label,
        "role": role,
        "standing": "sending" if sends else "standing by",
        "quality": "HIGH",
        "rate": 80.0 if sends else 0.0,
        "accepted": accepted,
        "delivered": delivered,
        "failed": failed,
    }


STATUS = {
    "distribution": DISTRIBUTION,
    "as_of": "2026-11-24T06:00:13.084501+05:30",
    "counts": {
        "recipients": 2000,
        "states": STATES,
        "owed": 1999,
        "accepted": 1297,
        "delivered": 1104,
        "read": 212,
        "reasons": [
            {"state": "FAILED", **FAILED_REASON, "count": 3},
            {"state": "SKIPPED", **OPTED_OUT_REASON, "count": 1},
        ],
    },
    "sla": {
        "verdict": "on course",
        "basis": "delivered",
        "deadline": "2026-11-24T06:05:00+05:30",
        "accepted_share": 1297 / 1999,
        "delivered_share": 1104 / 1999,
        "projected_share": 1996 / 1999,
        "violations": [],
    },
    "rate": 99.8,
    "estimated_completion": "2026-11-24T06:00:20.088509+05:30",
    "numbers": [
        _part("primary-1", "Primary", 651, 556, 2),
        _part("primary-2", "Primary", 646, 548, 1),
        _part("backup-1", "Backup", 0, 0, 0),
    ],
}
DRY_RUN = {
    "dry_run": True,
    "would_start": True,
    "content": 87,
    "recipients": 2000,
    "findings": [
        {
            "rule": "capacity_short",
            "message": "The phone numbers can carry 1850 of 2000 messages inside 300 s today: the "
            "rest will be late.",
            "blocking": False,
        }
    ],
}

DELIVERIES = [
    {
        "id": 284001,
        "subscriber": 1001,
        "phone": "+91******5601",
        "tier": "PRO",
        "batch_no": 12,
        "number": "primary-1",
        "state": "ACCEPTED",
        "progress": "read",
        "reason": "",
        "words": "",
        "attempts": 1,
        **READ,
        "error_code": None,
    },
    {
        "id": 284003,
        "subscriber": 1003,
        "phone": "+91******5603",
        "tier": "BASIC",
        "batch_no": 31,
        "number": "primary-2",
        "state": "FAILED",
        "progress": "none",
        "reason": FAILED_REASON["reason"],
        "words": FAILED_REASON["words"],
        "attempts": 1,
        **{name: at and at.replace("11-23", "11-24") for name, at in NOT_ON_WHATSAPP.items()},
        "error_code": 131026,
    },
]

FIGURES = (
    *("recipients", "accepted", "delivered", "read", "failed", "skipped", "unconfirmed"),
    "waiting",
)


def _figures(key: str | None, *counts: int) -> dict[str, Any]:
    told = dict(zip(FIGURES, counts, strict=True))
    failures = {"undeliverable": told["failed"]} if told["failed"] else {}
    skips = {"opted_out": told["skipped"]} if told["skipped"] else {}
    return {"key": key, "label": key or "total", **told, "failures": failures, "skips": skips}


ANALYTICS: Mapping[str, Any] = {
    "from": "2026-11-23",
    "to": "2026-11-23",
    "by": "tier",
    "time_zone": "Asia/Kolkata",
    "as_of": "2026-11-23T06:36:12.402911+05:30",
    "behind": 0,
    "rows": [
        _figures("PREMIUM", 200, 200, 199, 140, 0, 0, 0, 0),
        _figures("PRO", 600, 599, 597, 391, 1, 0, 0, 0),
        _figures("BASIC", 1200, 1197, 1194, 681, 2, 1, 0, 0),
    ],
    "total": _figures(None, 2000, 1996, 1990, 1212, 3, 1, 0, 0),
}

CONTENT: Mapping[str, Any] = {
    "id": 87,
    "title": "24 November: Nifty opens flat",
    "day": "2026-11-24",
    "is_fallback": False,
    "state": "SUBMITTED",
    "message_template": "daily_update",
    "body_variables": ["{name}", "Nifty opens flat, the RBI's minutes come at noon"],
    "button_variables": {"0": "2026-11-24"},
    "headline": None,
    "media": {
        "type": "image",
        "id": "1289340587632190",
        "uploaded_at": "2026-11-23T15:42:09.731560+05:30",
    },
    "author": "asha",
    "submitted_at": "2026-11-23T15:42:10.118204+05:30",
    "decided_at": None,
    "deadline": "2026-11-23T20:00:00+05:30",
    "decisions": [
        {
            "decision": "SUBMITTED",
            "by": "asha",
            "reason": "",
            "at": "2026-11-23T15:42:10.118204+05:30",
        }
    ],
    "url": "/api/distribution/content/87",
}
DECIDED = {
    **CONTENT,
    "state": "REJECTED",
    "decided_at": "2026-11-23T16:05:51.660039+05:30",
    "decisions": [
        *CONTENT["decisions"],
        {
            "decision": "REJECTED",
            "by": "vikram",
            "reason": "The minutes come at two, not at noon",
            "at": "2026-11-23T16:05:51.660039+05:30",
        },
    ],
}
TEMPLATE = {
    "id": 3,
    "meta_id": "1184620395512345",
    "name": "daily_update",
    "language": "en",
    "category": "MARKETING",
    "status": "APPROVED",
    "quality": "GREEN",
    "rotation_group": "morning",
    "is_fallback": False,
    "components": [
        {
            "type": "BODY",
            "text": "Good morning {{1}}. {{2}}",
            "example": {"body_text": [["Asha", "Nifty opens flat"]]},
        },
        {"type": "FOOTER", "text": "Reply STOP to end these messages."},
    ],
    "synced_at": "2026-11-23T18:00:03.274916+05:30",
}
NUMBER: Mapping[str, Any] = {
    "id": 1,
    "label": "primary-1",
    "display_number": "+91 98123 45001",
    "portfolio": "Daybreak Advisory",
    "role": "PRIMARY",
    "state": "ACTIVE",
    "words": "Active",
    "quality": "HIGH",
    "breaker": "CLOSED",
    "breaker_words": "",
    "rate_now": 80.0,
    "rate_limit": 80,
    "sent_today": 653,
    "daily_limit": 100000,
    "seen_at": "2026-11-24T05:59:31.208145+05:30",
}
STOPPED_BY_FAULTS = {
    **NUMBER,
    "id": 2,
    "label": "primary-2",
    "display_number": "+91 98123 45002",
    "breaker": "OPEN",
    "breaker_words": "Left alone after faults; tried again at 06:00:43",
    "sent_today": 647,
}

ANSWERS: dict[str, Sequence[Mapping[str, Any]]] = {
    "DistributionShown": [DISTRIBUTION],
    "StatusShown": [STATUS],
    "DryRunShown": [DRY_RUN],
    "DeliveryShown": DELIVERIES,
    "AnalyticsAnswer": [ANALYTICS],
    "ContentShown": [CONTENT],
    "TemplateShown": [TEMPLATE],
    "NumberShown": [NUMBER, STOPPED_BY_FAULTS],
}
BY_OPERATION: dict[tuple[str, str], Any] = {
    ("distribution_trigger_create", "202"): TRIGGERED,
    ("distribution_schedule_create", "201"): PLANNED,
    ("distribution_list", "200"): [PLANNED, DISTRIBUTION, BEFORE],
    ("distribution_schedule_list", "200"): [PLANNED, BEFORE],
    ("distribution_pause_create", "200"): PAUSED,
    ("distribution_cancel_create", "200"): CANCELLED,
    ("distribution_content_retrieve", "200"): DECIDED,
}
AT_OTHER_TIMES = {
    "SlaShown": {"violations": ["At the present rate the sending ends after the window."]},
}
