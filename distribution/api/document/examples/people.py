"""Asha, what she agreed to, what she got, and the list that others came with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CONSENT_SOURCE = "Sign-up form of November, “the morning message on WhatsApp”"

ASHA: Mapping[str, Any] = {
    "id": 1001,
    "phone": "+919812345601",
    "name": "Asha Rao",
    "tier": "PRO",
    "status": "ACTIVE",
    "language": "en",
    "email": "asha.rao@example.in",
    "attributes": {"city": "Pune"},
    "created_at": "2026-11-10T11:24:36.530412+05:30",
    "updated_at": "2026-11-20T18:02:11.094480+05:30",
}
NAMES = {1001: ASHA["name"], 1003: "Meera Nair"}
ASHA_IN_A_LIST = {**ASHA, "phone": "+91******5601"}
RAVI_IN_A_LIST = {
    "id": 1002,
    "phone": "+91******5602",
    "name": "Ravi Menon",
    "tier": "BASIC",
    "status": "UNSUBSCRIBED",
    "language": "hi",
    "email": "",
    "attributes": {"city": "Kochi"},
    "created_at": "2026-11-10T11:24:36.530412+05:30",
    "updated_at": "2026-11-22T06:31:19.771305+05:30",
}
MOVED = {
    **ASHA,
    "tier": "PREMIUM",
    "attributes": {"city": "Mumbai"},
    "updated_at": "2026-11-24T10:02:18.470092+05:30",
}
PAUSED = {**ASHA, "status": "PAUSED", "updated_at": "2026-11-24T10:15:42.318077+05:30"}

CONSENT = [
    {
        "kind": "OPT_IN",
        "at": "2026-11-10T11:24:36.530412+05:30",
        "source": "api:crm",
        "evidence": "",
        "notice": CONSENT_SOURCE,
        "actor": "asha",
    },
    {
        "kind": "PAUSE",
        "at": "2026-11-24T10:15:42.312946+05:30",
        "source": "api:crm",
        "evidence": "On holiday until Sunday, by phone (2026-11-24T04:45:42.312946+00:00)",
        "notice": "",
        "actor": "asha",
    },
]
READ = {
    "accepted_at": "2026-11-24T06:00:07.204118+05:30",
    "sent_at": "2026-11-24T06:00:07+05:30",
    "delivered_at": "2026-11-24T06:00:09+05:30",
    "read_at": "2026-11-24T06:12:41+05:30",
    "failed_at": None,
}
NOT_ON_WHATSAPP = {
    "accepted_at": "2026-11-23T06:00:07.530922+05:30",
    "sent_at": None,
    "delivered_at": None,
    "read_at": None,
    "failed_at": "2026-11-23T06:00:10+05:30",
}
HISTORY = {
    "subscriber": 1001,
    "consent": CONSENT,
    "deliveries": [
        {
            "id": 284001,
            "distribution": 142,
            "date": "2026-11-24",
            "state": "ACCEPTED",
            "reason": "",
            "progress": "read",
            "told": "Delivered on 24 Nov at 06:00:09, and read.",
            "advice": "",
            "number": "primary-1",
            "tier": "PRO",
            "attempt_no": 1,
            **READ,
            "failed_code": None,
        },
        {
            "id": 282001,
            "distribution": 141,
            "date": "2026-11-23",
            "state": "FAILED",
            "reason": "undeliverable",
            "progress": "none",
            "told": "Not delivered on 23 Nov: the number is not on WhatsApp.",
            "advice": "Ask the person by another way; drop the number if it repeats.",
            "number": "primary-2",
            "tier": "PRO",
            "attempt_no": 1,
            **NOT_ON_WHATSAPP,
            "failed_code": 131026,
        },
    ],
}

NOTHING_YET = {
    "total": 0,
    "new": 0,
    "changed": 0,
    "unchanged": 0,
    "kept_opted_out": 0,
    "refused": 0,
    "kept_inactive": 0,
}
COUNTS = {
    "total": 1200,
    "new": 950,
    "changed": 40,
    "unchanged": 205,
    "kept_opted_out": 4,
    "refused": 1,
    "kept_inactive": 7,
}
JOB: Mapping[str, Any] = {
    "id": 18,
    "filename": "people.csv",
    "state": "IMPORTING",
    "percent": 0,
    "problem": "",
    "consent_source": CONSENT_SOURCE,
    "by": "api:crm",
    "created_at": "2026-11-23T14:05:02.611840+05:30",
    "confirmed_at": "2026-11-23T14:05:02.611840+05:30",
    "ended_at": None,
    "lines": 0,
    "last_line": 0,
    "counts": NOTHING_YET,
    "refused": [],
}
CONFIRMED = {**JOB, "confirmed_at": "2026-11-23T14:11:47.090113+05:30", "lines": 1201}
DONE = {
    **CONFIRMED,
    "state": "DONE",
    "percent": 100,
    "ended_at": "2026-11-23T14:11:49.482200+05:30",
    "last_line": 1201,
    "counts": COUNTS,
    "refused": [
        {
            "line": 17,
            "column": "phone",
            "cell": "*****45",
            "reason": "The number has too few digits: check it, and write it with + and the "
            "country code, for example +91 98123 45678.",
        }
    ],
}
STOPPED = {
    **JOB,
    "state": "CANCELLED",
    "percent": 100,
    "ended_at": "2026-11-23T14:05:04.120333+05:30",
}

# By component; a page shows all of them, a single answer the first.
ANSWERS: dict[str, Sequence[Mapping[str, Any]]] = {
    "OneSubscriber": [ASHA],
    "SubscriberRow": [ASHA_IN_A_LIST, RAVI_IN_A_LIST],
    "History": [HISTORY],
    "Job": [JOB],
}
# By operation and status, where that of the component would not be the answer.
BY_OPERATION: dict[tuple[str, str], Mapping[str, Any]] = {
    ("subscribers_change", "200"): MOVED,
    ("subscribers_status", "200"): PAUSED,
    ("subscribers_import_read", "200"): DONE,
    ("subscribers_import_confirm", "202"): CONFIRMED,
    ("subscribers_import_cancel", "200"): STOPPED,
}
AT_OTHER_TIMES = {
    "Job": {"problem": "The columns “phone” and “mobile” mean the same: rename or remove one."},
}
