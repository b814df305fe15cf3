"""The Cloud API's error codes: what each means and what happens next.

The synchronous answer, a late `failed` status and `value.errors` all look codes up here; no other
module compares code numbers. The table is `error_codes.csv`, grouped by what happens next. A code
is one number (`4`), a range (`200-299`), a number with a subcode (`100/33`), or a number that means
something else when it is reported after acceptance (`135000:late`), or of a message that Meta held
back until then (`132015:held`). Failures without an error code have none.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path


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


# These stop every distribution that they concern, not only the message.
HALTING = (Action.ABORT, Action.TEMPLATE)


class FailureCategory(StrEnum):
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

    `dropped`: Meta took the message and dropped it on purpose. To send it once more would be the
    worst answer to a review, so nothing does: no retry, no person, no return of many.
    """

    slug: str
    action: Action
    category: FailureCategory
    charged: bool
    dropped: bool
    advice: str  # one sentence for operations staff


def _read_table() -> list[tuple[str, Failure]]:
    with Path(__file__).with_name("error_codes.csv").open(encoding="utf-8", newline="") as file:
        return [
            (
                code,
                Failure(
                    slug,
                    Action(action),
                    FailureCategory(category),
                    charged == "yes",
                    dropped == "yes",
                    advice,
                ),
            )
            for code, slug, action, category, charged, dropped, advice in islice(
                csv.reader(file), 1, None
            )
        ]


def _codes(text: str) -> range:
    low, _, high = text.partition("-")
    return range(int(low), int(high) + 1)


TABLE = _read_table()
FAILURES = {int(code): failure for code, failure in TABLE if code.isdecimal()}
RANGES = {_codes(code): failure for code, failure in TABLE if "-" in code}
SUBCODES = {code: failure for code, failure in TABLE if "/" in code}
LATE = {code: failure for code, failure in TABLE if ":" in code}
# Of several codes with one slug the first row counts: reversed, it is set last.
BY_SLUG = {failure.slug: failure for _, failure in reversed(TABLE)}

# "Something is wrong with the request", often without cause: Meta advises one more try of what it
# refused in the answer. Reported later, the code means that the message was dropped.
RETRY_ONCE = frozenset({FAILURES[135000]})
REQUEST_DROPPED = BY_SLUG["request_dropped"]
PORTFOLIO_PACING = BY_SLUG["portfolio_pacing"]
THROUGHPUT_EXCEEDED = BY_SLUG["throughput_exceeded"]
UNLISTED = BY_SLUG["unlisted"]  # no retry: a second copy would be worse
# A fault at Meta while it processed the request: whether it took the message is unknown.
SERVER_FAULT = BY_SLUG["server_fault"]
NUMBER_LOCKED = BY_SLUG["number_locked"]
BAD_RECIPIENT = BY_SLUG["bad_recipient"]

# Failures without a response.
NOT_SENT = BY_SLUG["no_connection"]
CONNECT_TIMEOUT = BY_SLUG["connect_timeout"]
DEADLINE_PASSED = BY_SLUG["deadline_passed"]
WITHDRAWN = BY_SLUG["withdrawn"]
UNSENDABLE = BY_SLUG["unsendable"]
NO_ANSWER = BY_SLUG["no_answer"]
CONNECTION_LOST = BY_SLUG["connection_lost"]
UNREADABLE = BY_SLUG["answer_unreadable"]
PROXY_ANSWER = BY_SLUG["proxy_answer"]

ABOUT_NUMBERS = frozenset(one.slug for _, one in TABLE if one.action is Action.NUMBER)

# Our own decisions: no call was made, so they say nothing about the number.
NO_CALL_MADE = frozenset({WITHDRAWN, DEADLINE_PASSED, UNSENDABLE, BAD_RECIPIENT})

# What the codes of dropped messages mean elsewhere.
_DROPPED_WHEN_HELD = {
    FAILURES[int(code.partition(":")[0])].slug for code in LATE if code.endswith(":held")
}

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
    late: bool = False,
    held: bool = False,
) -> Failure:
    """What an error code means. `http_status` None: it came in a webhook; `late`: about a message
    that Meta had accepted; `held`: and was holding back.

    An unlisted code is ours to fix; with a 5xx it is unknown whether the request was processed. So
    is code 0, "unknown error", except with a 401, where it is the token.
    """
    if code is None:
        return UNLISTED
    server_fault = http_status is not None and http_status >= 500
    if code == 0 and (late or http_status not in (None, 401)):
        return SERVER_FAULT if server_fault else UNLISTED
    if late and (dropped := _dropped(code, held)):
        return dropped
    if server_fault and code in UNSURE_CODES:
        return SERVER_FAULT
    if f"{code}/{subcode}" in SUBCODES:
        return SUBCODES[f"{code}/{subcode}"]
    if code == 131009 and _ABOUT_RECIPIENT.search(details):
        return BAD_RECIPIENT
    if code == 131031 and _ABOUT_PIN.search(details):
        return NUMBER_LOCKED
    failure = FAILURES.get(code) or _in_range(code)
    return failure or (SERVER_FAULT if server_fault else UNLISTED)


def may_be_sent_again(failure: Failure, *, held: bool = False) -> bool:
    """Whether a message that ended with this failure may ever be sent again, by whomever.

    `held`: Meta was holding it back when it failed.
    """
    return not (failure.dropped or (held and failure.slug in _DROPPED_WHEN_HELD))


def is_fault(failure: Failure) -> bool:
    """Whether the call failed by a fault of the network, the account or Meta.

    Not refusals for speed, to which the rate adapts, and nothing that is about a recipient.
    """
    if failure.action is Action.UNKNOWN or failure is CONNECT_TIMEOUT:
        return True
    faulty = failure.category in (FailureCategory.SERVER_ERROR, FailureCategory.NETWORK_ERROR)
    return faulty and failure.action is Action.BACKOFF and not failure.charged


def _dropped(code: int, held: bool) -> Failure | None:
    return (LATE.get(f"{code}:held") if held else None) or LATE.get(f"{code}:late")


def _in_range(code: int) -> Failure | None:
    return next((failure for codes, failure in RANGES.items() if code in codes), None)
