"""The Cloud API's error codes: what each means and what happens next.

The send path and the webhook path both look codes up here; no other module compares code numbers.
The table is grouped by what happens next: one group per (action, reason, charged), one line per
code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What happens next."""

    BACKOFF = "backoff"  # retry this message a little later
    PAIR = "pair"  # retry this recipient later; others continue
    NUMBER = "number"  # rest this phone number, use another
    TEMPLATE = "template"  # the message template is unusable: stop its distributions
    ABORT = "abort"  # account-wide: stop and raise an alert
    INVALID = "invalid"  # this recipient cannot be reached
    COOL = "cool"  # this recipient not before tomorrow, with any phone number
    OPTOUT = "optout"  # this recipient never again
    FIX = "fix"  # our bug or our data: do not retry
    UNKNOWN = "unknown"  # it may have been sent: wait for webhooks


class Reason(StrEnum):
    """Why a message failed, as shown in reports."""

    RATE_LIMIT = "RATE_LIMIT"  # too fast for a number, a pair, an app
    NETWORK_ERROR = "NETWORK_ERROR"  # no connection, or it broke
    TIMEOUT = "TIMEOUT"  # no connection, no answer or no slot in time
    INVALID_NUMBER = "INVALID_NUMBER"  # not a number on WhatsApp
    BLOCKED = "BLOCKED"  # we may not write to this person or country
    OPTED_OUT = "OPTED_OUT"  # the person opted out
    CAPPED = "CAPPED"  # Meta's limit on marketing messages to one person
    EXPERIMENT = "EXPERIMENT"  # Meta excludes this person from marketing for a study
    TEMPLATE = "TEMPLATE"  # message template missing, paused, disabled
    CONTENT = "CONTENT"  # our request or our data is wrong
    NUMBER = "NUMBER"  # the sending number is unusable
    ACCOUNT = "ACCOUNT"  # token, permission, billing, restriction
    SERVER_ERROR = "SERVER_ERROR"  # a fault at Meta
    UNKNOWN = "UNKNOWN"  # an unlisted code; withdrawn


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind of failure.

    `charged`: the try counts against the recipient's retries, since the fault may lie in the
    message. Refusals that have nothing to do with the recipient (the number too fast, Meta
    overloaded, no connection) are not charged.
    """

    slug: str
    action: Action
    reason: Reason
    advice: str  # one sentence for operations staff
    charged: bool


A, R = Action, Reason
NOT_CHARGED, CHARGED = False, True

_TABLE: dict[tuple[Action, Reason, bool], dict[int, tuple[str, str]]] = {
    (A.BACKOFF, R.RATE_LIMIT, NOT_CHARGED): {
        130429: ("throughput_exceeded", "Nothing: the number slows down and recovers."),
        4: ("app_rate_limited", "Wait; look for other software that uses the same app."),
        80007: ("management_rate_limited", "Poll numbers and message templates less often."),
        613: ("call_permission_rate_limited", "Wait; we do not use this endpoint."),
        138013: ("call_permission_rate_limited", "Wait; we do not use this endpoint."),
    },
    (A.PAIR, R.RATE_LIMIT, CHARGED): {
        131056: ("pair_rate_limited", "Nothing: this recipient is tried again later."),
    },
    (A.BACKOFF, R.SERVER_ERROR, NOT_CHARGED): {
        2: ("service_down", "Look at Meta's status page if it lasts."),
        131016: ("service_unavailable", "Look at Meta's status page if it lasts."),
        133004: ("registration_server_down", "Look at Meta's status page if it lasts."),
        131057: ("number_in_maintenance", "Nothing for a minute; then use another number."),
        2494100: ("number_in_migration", "Nothing for a minute; then use another number."),
    },
    (A.BACKOFF, R.SERVER_ERROR, CHARGED): {
        1: ("api_error", "If many, check the request against the API's changelog."),
        131000: ("send_failed", "If many, look at Meta's status page."),
    },
    (A.NUMBER, R.NUMBER, NOT_CHARGED): {
        33: ("number_gone", "Check the phone number id in the pool."),
        131037: ("display_name_not_approved", "Get the display name approved by Meta."),
        131045: ("number_certificate", "Register the number again."),
        133010: ("number_not_registered", "Register the number again."),
    },
    (A.TEMPLATE, R.TEMPLATE, NOT_CHARGED): {
        132001: ("template_not_found", "Check name, language and approval at Meta."),
        132007: ("template_policy", "Reword the message template and have it approved."),
        132015: ("template_paused", "Improve the message template or use the fallback."),
        132016: ("template_disabled", "Make a new message template; this one is gone."),
        132068: ("flow_blocked", "Repair or replace the Flow in the message template."),
        132069: ("flow_throttled", "Repair or replace the Flow in the message template."),
        131063: ("marketing_not_here", "Use the Marketing Messages API or a utility template."),
        131064: ("template_misclassified", "Correct the template's category; wait for Meta."),
        134101: ("template_syncing", "Wait ten minutes, then resume."),
        134102: ("template_unavailable", "Finish Meta's onboarding for marketing messages."),
    },
    (A.ABORT, R.ACCOUNT, NOT_CHARGED): {
        0: ("not_authenticated", "Put in a valid access token."),
        3: ("capability_missing", "Give the app the WhatsApp permissions."),
        10: ("permission_removed", "Give the app the WhatsApp permissions."),
        104: ("token_required", "Put in a valid access token."),
        190: ("token_invalid", "Put in a valid access token."),
        131005: ("access_denied", "Give the token's user access to this account."),
        368: ("account_restricted", "Read the violation in Meta's account quality page."),
        131031: ("account_locked", "Look at the account's health in the Business Manager."),
        131042: ("payment_problem", "Repair the payment method in Meta's Billing Hub."),
        131048: ("sending_restricted", "Check messaging limit and quality before going on."),
    },
    (A.INVALID, R.INVALID_NUMBER, CHARGED): {
        131026: ("undeliverable", "Ask the person by another way; drop the number if it repeats."),
        131021: ("recipient_is_sender", "Remove our own number from the subscribers."),
    },
    (A.COOL, R.CAPPED, CHARGED): {
        131049: ("marketing_capped", "Nothing today: repeating makes the block longer."),
    },
    (A.COOL, R.EXPERIMENT, CHARGED): {
        130472: ("marketing_experiment", "Nothing today: Meta holds this person out."),
    },
    (A.COOL, R.BLOCKED, CHARGED): {
        130403: ("blocked_by_us", "Unblock the person first, if that was not meant."),
        130497: ("country_restricted", "Take that country's subscribers out of the audience."),
    },
    (A.OPTOUT, R.OPTED_OUT, CHARGED): {
        131050: ("marketing_opted_out", "Nothing: the wish is kept until the person resumes."),
    },
    (A.FIX, R.CONTENT, CHARGED): {
        100: ("parameter_wrong", "Compare the request with the message template."),
        131008: ("parameter_missing", "Compare the request with the message template."),
        131009: ("parameter_value", "Compare the values with the message template."),
        131030: ("not_in_test_list", "Add the recipient to the test number's list."),
        131047: ("window_closed", "Send a message template instead of free text."),
        131051: ("message_type", "Use a supported message type."),
        131052: ("inbound_media", "Ask the sender to send the file again, smaller."),
        131053: ("media_unusable", "Upload the media again; check type and size."),
        131055: ("method_not_allowed", "Use the messages endpoint for this template."),
        131062: ("recipient_kind", "Send to the phone number, not to the user id."),
        132000: ("parameter_count", "Give as many values as the message template has."),
        132005: ("text_too_long", "Shorten this person's values."),
        132008: ("parameter_invalid", "Correct the values for the message template."),
        132012: ("parameter_format", "Correct type, media or names of the values."),
        132018: ("parameter_rules", "Take line breaks, tabs and long blanks out of the values."),
        134100: ("marketing_only", "Use the messages endpoint for this template."),
        135000: ("request_generic", "Compare the request with the message template."),
        137000: ("identity_changed", "Verify the person again before writing."),
        1752041: ("onboarding_twice", "Nothing: the onboarding was already asked for."),
        131020: ("group_feature", "Nothing: groups are not used here."),
        131041: ("group_feature", "Nothing: groups are not used here."),
        131059: ("group_feature", "Nothing: groups are not used here."),
        131044: ("calling_feature", "Nothing: calling is not used here."),
    },
    (A.FIX, R.NUMBER, NOT_CHARGED): {
        133016: ("registration_attempts_used_up", "Wait 72 hours before registering again."),
    },
}
FAILURES: dict[int, Failure] = {
    code: Failure(slug, action, reason, advice, charged)
    for (action, reason, charged), rows in _TABLE.items()
    for code, (slug, advice) in rows.items()
}


# "Something is wrong with the request", often without cause: Meta advises one more try.
RETRY_ONCE = frozenset({FAILURES[135000]})


def _fix(slug: str, advice: str) -> Failure:
    return Failure(slug, A.FIX, R.CONTENT, advice, CHARGED)


RANGES: tuple[tuple[int, int, Failure], ...] = (
    (200, 299, Failure("permission_missing", A.ABORT, R.ACCOUNT, "Give the token the WhatsApp"
     " permissions.", NOT_CHARGED)),
    (131201, 131215, _fix("group_feature", "Nothing: groups are not used here.")),
    (133000, 133999, Failure("number_registration", A.NUMBER, R.NUMBER, "Register the number"
     " again in the Business Manager.", NOT_CHARGED)),
    (134000, 134999, _fix("payments_feature", "Accept the payment terms, if payments are used.")),
    (136000, 136999, _fix("number_verification", "Nothing: the number is already verified.")),
    (138000, 138999, _fix("calling_feature", "Nothing: calling is not used here.")),
    (139000, 139999, _fix("flow_or_block_list", "Check the Flow or the block list at Meta.")),
    (147000, 147099, _fix("username_feature", "Nothing: usernames are not set from here.")),
    (200000, 200099, _fix("insights", "Turn template insights on in the Business Manager.")),
    (2388000, 2388999, _fix("template_creation", "Correct the message template at Meta.")),
)  # fmt: skip
SUBCODES: dict[tuple[int, int], Failure] = {
    # "Object does not exist or no permission": the object of a send is the phone number.
    (100, 33): Failure("number_not_reachable", A.NUMBER, R.NUMBER, "Check the phone number id and"
     " that the token may use it.", NOT_CHARGED),
}  # fmt: skip
UNLISTED = Failure(
    "unlisted", A.FIX, R.UNKNOWN, "Look the code up at Meta and give it a row here.", CHARGED
)  # no retry: a second copy would be worse
# A fault at Meta while it processed the request: whether it took the message is unknown.
SERVER_FAULT = Failure(
    "server_fault", A.UNKNOWN, R.SERVER_ERROR, "Look at Meta's status page if it lasts.", CHARGED
)
NUMBER_LOCKED = Failure(
    "number_locked", A.NUMBER, R.NUMBER, "Set its two-step PIN anew and register the number"
    " again.", NOT_CHARGED,
)  # fmt: skip
BAD_RECIPIENT = Failure(
    "bad_recipient", A.INVALID, R.INVALID_NUMBER, "Correct the subscriber's number.", CHARGED
)

# Failures without a response.
NOT_SENT = Failure(
    "no_connection", A.BACKOFF, R.NETWORK_ERROR, "Check DNS, firewall and TLS to Meta.", NOT_CHARGED
)
CONNECT_TIMEOUT = Failure(
    "connect_timeout", A.BACKOFF, R.TIMEOUT, "Check firewall and route to Meta.", NOT_CHARGED
)
DEADLINE_PASSED = Failure(
    "deadline_passed",
    A.BACKOFF,
    R.TIMEOUT,
    "If many, the machine or Meta is too slow.",
    NOT_CHARGED,
)
WITHDRAWN = Failure("withdrawn", A.BACKOFF, R.UNKNOWN, "Nothing: another try follows.", NOT_CHARGED)
UNSENDABLE = Failure(
    "unsendable", A.FIX, R.CONTENT, "Correct the values: they cannot be written as JSON.", CHARGED
)
NO_ANSWER = Failure(
    "no_answer", A.UNKNOWN, R.TIMEOUT, "Nothing: the webhooks tell whether it went out.", CHARGED
)
CONNECTION_LOST = Failure(
    "connection_lost", A.UNKNOWN, R.NETWORK_ERROR, "Nothing: the webhooks tell.", CHARGED
)
UNREADABLE = Failure(
    "answer_unreadable", A.UNKNOWN, R.SERVER_ERROR, "Nothing: the webhooks tell.", CHARGED
)

# Our own decisions: no call was made, so they say nothing about the number.
NO_CALL_MADE = frozenset({WITHDRAWN, DEADLINE_PASSED, UNSENDABLE, BAD_RECIPIENT})

# With a 5xx these mean "unknown error", not "not processed"; but Meta did respond, so that it is
# unlikely that the message was accepted.
UNSURE_CODES = frozenset({1, 131000})
# 131031 is about the account, except for these texts: the number's PIN or data do not match.
_ABOUT_PIN = re.compile(r"two[- ]?(?:step|factor)|\bpin\b|mis-?match|do(?:es)? not match", re.I)
# 131009 is about any value; only these texts are about the recipient.
_ABOUT_RECIPIENT = re.compile(
    r"\brecipient\b|['\"`]to['\"`]|\bparam(?:eter)? to\b(?! be)|not a (?:valid )?phone number", re.I
)


def classify(
    code: int | None,
    *,
    http_status: int | None = None,
    subcode: int | None = None,
    details: str = "",
) -> Failure:
    """What an error code means. `http_status` None: it came in a webhook.

    An unlisted code is ours to fix; with a 5xx it is unknown whether the request was processed.
    """
    if code is None:
        return UNLISTED
    server_fault = http_status is not None and http_status >= 500
    if server_fault and code in UNSURE_CODES:
        return SERVER_FAULT
    if subcode is not None and (code, subcode) in SUBCODES:
        return SUBCODES[code, subcode]
    if code == 131009 and _ABOUT_RECIPIENT.search(details):
        return BAD_RECIPIENT
    if code == 131031 and _ABOUT_PIN.search(details):
        return NUMBER_LOCKED
    failure = FAILURES.get(code) or _in_range(code)
    return failure or (SERVER_FAULT if server_fault else UNLISTED)


def is_fault(failure: Failure) -> bool:
    """Whether the call failed by a fault of the network, the account or Meta.

    Not refusals for speed, to which the rate adapts, and nothing that is about a recipient.
    """
    if failure.action is Action.UNKNOWN or failure is CONNECT_TIMEOUT:
        return True
    faulty = failure.reason in (Reason.SERVER_ERROR, Reason.NETWORK_ERROR)
    return faulty and failure.action is Action.BACKOFF and not failure.charged


def _in_range(code: int) -> Failure | None:
    return next((failure for low, high, failure in RANGES if low <= code <= high), None)
