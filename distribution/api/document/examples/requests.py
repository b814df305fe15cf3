"""What may be sent: bodies, files and parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from distribution.api.document.examples.people import CONSENT_SOURCE

Named = Mapping[str, Any]  # what it is for → the body

PICTURE = "(the bytes of nifty-opens-flat.jpg)"  # a file as such cannot stand in a document
PEOPLE = (
    "phone,name,tier,city\r\n+919812345601,Asha Rao,PRO,Pune\r\n98123 45602,Ravi Menon,,Kochi\r\n"
)
CONTENT = {
    "title": "24 November: Nifty opens flat",
    "day": "2026-11-24",
    "message_template": 3,
    "body_variables": ["{name}", "Nifty opens flat, the RBI's minutes come at noon"],
}
BODIES: dict[str, Named] = {
    "TriggerBodyRequest": {
        "Only what would happen": {"content": 87, "dry_run": True},
        "Today's content": {},
        "A content by its id": {"content": 87},
        "The content of a day": {"date": "2026-11-24"},
        "The same content again": {"content": 87, "again": True},
    },
    "ScheduleBodyRequest": {
        "This content": {"at": "2026-11-24T16:30:00+05:30", "content": 87},
        "The day's content": {"at": "2026-11-24T16:30:00+05:30"},
    },
    "ContentBodyRequest": {
        "Text only": CONTENT,
        "A headline and a button": {
            **CONTENT,
            "headline": "Nifty opens flat",
            "button_variables": {"0": "2026-11-24"},
        },
        "A picture that Meta has": {
            **CONTENT,
            "media": {"type": "image", "id": "1289340587632190"},
        },
        "For days without content": {
            "title": "Have a good day",
            "is_fallback": True,
            "message_template": 3,
            "body_variables": ["{name}", "Nothing new today: have a good day"],
        },
    },
    "ContentUploadRequest": {
        "With its picture": {
            "content": json.dumps(CONTENT, ensure_ascii=False),
            "file": PICTURE,
        }
    },
    "NewSubscriberRequest": {
        "The least": {"phone": "98123 45602", "consent_source": CONSENT_SOURCE},
        "All that can be said": {
            "phone": "+91 98123 45601",
            "consent_source": CONSENT_SOURCE,
            "name": "Asha Rao",
            "tier": "PRO",
            "language": "en",
            "email": "asha.rao@example.in",
            "attributes": {"city": "Pune"},
        },
    },
    "PatchedDetailsRequest": {
        "Another tier and city": {"tier": "PREMIUM", "attributes": {"city": "Mumbai"}},
        "Another name and email": {
            "name": "Asha Rao-Kulkarni",
            "language": "mr",
            "email": "asha.kulkarni@example.in",
        },
        "An attribute goes": {"attributes": {"city": ""}},
    },
    "PatchedStatusChangeRequest": {
        "A pause": {"status": "PAUSED", "reason": "On holiday until Sunday, by phone"},
        "Its end": {"status": "ACTIVE", "reason": "Back from the holiday"},
        "An end": {"status": "UNSUBSCRIBED", "reason": "Asked for it by email"},
        "A new consent": {
            "status": "ACTIVE",
            "reason": "Signed up again",
            "consent_source": CONSENT_SOURCE,
        },
    },
    "UploadRequest": {
        "Import": {"file": PEOPLE, "consent_source": CONSENT_SOURCE},
        "Only a check": {"file": PEOPLE, "dry_run": True},
    },
    "ConfirmationRequest": {"Import": {"consent_source": CONSENT_SOURCE}},
    "ReasonBodyRequest": {"Why": {"reason": "A figure in it is wrong"}},
    "ChosenRequest": {"Two alerts": {"ids": [31, 32]}},
}
# By operation, where that of the component would make no sense.
BODIES_OF: dict[str, Named] = {
    "distribution_resume_create": {"Why": {"reason": "The figure was right after all"}},
    "distribution_cancel_create": {"Why": {"reason": "Nifty did not open"}},
}
FILES: dict[str, Named] = {
    "text/csv": {"Two people": PEOPLE},
    "application/x-ndjson": {
        "Two people": '{"phone": "+919812345601", "name": "Asha Rao", "tier": "PRO"}\n'
        '{"phone": "98123 45602", "city": "Kochi"}\n'
    },
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {
        "A workbook": "(the bytes of people.xlsx)"
    },
}
# The page to try it fills them in, so filters have none: they would find nobody.
PARAMETERS: dict[str, Any] = {
    "Idempotency-Key": "portal-4711",
    "from": "2026-11-23",
    "to": "2026-11-23",
    "consent_source": CONSENT_SOURCE,
}
# The id in an address, by how the address begins.
IDS = {
    "/api/distribution/subscribers/import/": 18,
    "/api/distribution/subscribers/": 1001,
    "/api/distribution/content/": 87,
    "/api/distribution/templates/": 3,
    "/api/distribution/numbers/": 1,
    "/api/distribution/schedule/": 144,
    "/api/distribution/": 142,
    "/api/queue/alerts/": 31,
}
