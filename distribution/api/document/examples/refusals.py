"""The problems that an operation answers with: their codes, and the sentences that go with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distribution.api.auth import idempotency
from distribution.api.auth.authentication import REFUSED
from distribution.api.auth.scopes import MISSING
from distribution.api.http import problems
from distribution.api.http.fields import UNKNOWN
from distribution.models import Scope

Codes = Mapping[str, str]  # code → sentence; without one that of `problems.ADVICE`

# What many operations answer is kept once and named by its code.
COMMON: Mapping[int, Codes] = {
    400: {
        "parse_error": "",
        "bad_request": "",
        "idempotency_key_required": idempotency.KEY_WANTED,
    },
    401: {"not_authenticated": "", "token_refused": REFUSED},
    404: {"not_found": ""},
    405: {"method_not_allowed": ""},
    406: {"not_acceptable": ""},
    409: {"in_progress": idempotency.AT_WORK},
    411: {"no_length": ""},
    413: {"too_large": ""},
    415: {"unsupported_media_type": ""},
    422: {"key_reused": idempotency.REUSED},
    429: {"throttled": ""},
    500: {"error": ""},
    503: {"database_away": ""},
}
REQUIRED = "This field is required."

# A field that is wrong, by operation: (field, code, detail).
PAGE_SIZE = ("page_size", "invalid", "Choose a whole number from 1 to 200.")
WRONG: Mapping[str, tuple[str, str, str]] = {
    "distribution_trigger_create": ("", "both_given", "Give content or date, not both."),
    "distribution_schedule_create": ("at", "zone", "Say the zone: 2026-11-24T06:00:00+05:30."),
    "distribution_status_retrieve": (
        "id",
        "invalid",
        "Give the id of a distribution, a whole number.",
    ),
    "distribution_content_submit_create": (
        "message_template",
        "unknown",
        "There is no such message template.",
    ),
    "distribution_analytics_retrieve": (
        "from",
        "invalid",
        "It lies after `to`: exchange them.",
    ),
    "subscribers_add": (
        "phone",
        "phone_invalid",
        "The number has too few digits: check it, and write it with + and the country code, for "
        "example +91 98123 45678.",
    ),
    "subscribers_import": (
        "consent_source",
        "required",
        "Say where these people agreed, or ask for a dry_run.",
    ),
    "subscribers_change": ("phone", "unknown", UNKNOWN),
    "subscribers_status": ("reason", "required", REQUIRED),
    "subscribers_import_confirm": ("consent_source", "required", REQUIRED),
    "distribution_pause_create": ("reason", "required", REQUIRED),
    "distribution_resume_create": ("reason", "required", REQUIRED),
    "distribution_cancel_create": ("reason", "required", REQUIRED),
    "queue_alerts_create": ("ids", "required", REQUIRED),
}
NO_CONTENT = {
    "content_missing": "There is no approved content for it: submit one and have it approved."
}
OF_OPERATION: Mapping[str, Mapping[int, Codes]] = {
    "distribution_trigger_create": {
        409: {
            **NO_CONTENT,
            "not_now": "This content is sent by distribution 142 already: people would get it "
            "twice.",
        }
    },
    "distribution_schedule_create": {
        409: {
            **NO_CONTENT,
            "blackout_date": "26 Jan 2027: Republic Day. Nothing begins on that day: choose "
            "another.",
        }
    },
    "distribution_schedule_destroy": {
        409: {
            "begun": "It has begun: pause or cancel it as a distribution.",
            "ended": "It has ended already, so it cannot be cancelled.",
        }
    },
    "distribution_pause_create": {
        409: {"not_possible": "Only a distribution that is sending can be paused."}
    },
    "distribution_resume_create": {
        409: {"not_possible": "Only a paused distribution can be resumed."}
    },
    "distribution_cancel_create": {
        409: {"not_possible": "It has ended already, so it cannot be cancelled."}
    },
    "distribution_status_retrieve": {
        404: {"none_yet": "There was no distribution yet: start or plan one."}
    },
    "subscribers_add": {
        409: {
            "subscriber_exists": "This phone number is subscriber 1001 already: change that one.",
            "subscriber_erased": "This person asked to be erased: only their own START brings "
            "them back.",
        }
    },
    "subscribers_change": {
        409: {"subscriber_erased": "They asked to be erased: nothing is written down about them."}
    },
    "subscribers_status": {
        409: {
            "status_refused": "They unsubscribed. To write to them again say in consent_source "
            "where they agreed anew, after that."
        }
    },
    "subscribers_import": {
        400: {"list_refused": "The file is empty: the first line must name the columns."}
    },
    "subscribers_import_cancel": {
        409: {"import_ended": "This import has ended already: nothing is left to stop."}
    },
    "subscribers_import_confirm": {
        409: {
            "import_not_checked": "This import is imported: only one that is checked and waits "
            "can be confirmed."
        }
    },
    "queue_alerts_acknowledge_create": {
        409: {"alert_closed": "This alert is closed: what it told of is over."}
    },
}


def common() -> dict[str, dict[str, Any]]:
    """The problems that are kept once, by name."""
    told = {
        code: problems.body(status, code, sentence)
        for status, codes in COMMON.items()
        for code, sentence in codes.items()
    }
    scopes = {
        f"scope_missing_{scope}": problems.body(403, "scope_missing", MISSING.format(scope))
        for scope in Scope.values
    }
    return told | scopes


def has_conflicts(operation: str) -> bool:
    """Whether things may stand so that this operation is not possible."""
    return 409 in OF_OPERATION.get(operation, {})


def own(operation: str, status: int) -> dict[str, dict[str, Any]]:
    """The problems that only this operation tells with this status, by code."""
    codes = OF_OPERATION.get(operation, {}).get(status, {})
    told = {code: problems.body(status, code, sentence) for code, sentence in codes.items()}
    if status == 400 and operation in WRONG:
        told = wrong(WRONG[operation]) | told
    return told


def wrong(field: tuple[str, str, str]) -> dict[str, dict[str, Any]]:
    """The problem of a field that is wrong, by its code."""
    error = dict(zip(("field", "code", "detail"), field, strict=True))
    return {"invalid": problems.body(400, "invalid", errors=[error])}
