"""Why a delivery or an attempt ended as it did: every slug, its wording and its advice.

A reason is stored as a slug. Our own slugs are listed here; those of the Cloud API come from
the table in `phonepool/errors.py`, and their wording follows from their category there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from django.db import models

from phonepool import errors
from phonepool.errors import Action, Failure, Reason


class DeliveryReason(models.TextChoices):
    """Reasons that we give ourselves: Meta refused nothing, or never answered."""

    OPTED_OUT = "opted_out"
    CANCELLED = "cancelled"  # the distribution; a call withdrawn unsent is `errors.WITHDRAWN`
    WINDOW_OVER = "window"
    PORTFOLIO_LIMIT = "portfolio_limit"
    NO_ANSWER = errors.NO_ANSWER.slug
    NEVER_ANSWERED = "never_answered"
    NEVER_RELEASED = "never_released"
    RESTORED = "restored"


# Nothing is owed to these people any more: they, or an operator, decided against it.
NOT_OWED = (DeliveryReason.OPTED_OUT, DeliveryReason.CANCELLED)
# A second try on the same day changes nothing for this recipient, or makes it worse.
POINTLESS = frozenset({Action.INVALID, Action.COOL, Action.OPTOUT})


@dataclass(frozen=True, slots=True)
class Explanation:
    """One reason in plain words, for a list and for a sentence, and what staff can do about it."""

    words: str  # in a list: "opted out before it was sent"
    sentence_end: str  # after "Not sent on 21 Nov: "
    advice: str


OWN = {
    DeliveryReason.OPTED_OUT: Explanation(
        "opted out before it was sent",
        "the person had opted out",
        "Nothing: the wish is kept.",
    ),
    DeliveryReason.CANCELLED: Explanation(
        "left out, the distribution was cancelled",
        "the distribution was cancelled",
        "Nothing.",
    ),
    DeliveryReason.WINDOW_OVER: Explanation(
        "not sent before the window ended",
        "the time for sending was over",
        "Find out what held it up: pool, account or machine.",
    ),
    DeliveryReason.PORTFOLIO_LIMIT: Explanation(
        "over the account's limit of people in 24 hours",
        "Meta's limit of people in 24 hours was reached",
        "Ask Meta for a higher limit.",
    ),
    DeliveryReason.NO_ANSWER: Explanation(
        "no answer to the call yet",
        "WhatsApp did not answer in time",
        "Nothing: WhatsApp's reports tell, or the list of doubts.",
    ),
    DeliveryReason.NEVER_ANSWERED: Explanation(
        "nobody knows whether it arrived",
        "WhatsApp never answered",
        "Decide on each in the list of doubts.",
    ),
    DeliveryReason.NEVER_RELEASED: Explanation(
        "held back by WhatsApp to the end",
        "WhatsApp held it back to the end",
        "Decide on each in the list of doubts.",
    ),
    DeliveryReason.RESTORED: Explanation(
        "in doubt since the database was restored",
        "the database was restored",
        "Decide on each in the list of doubts.",
    ),
}
# The commonest failures of the Cloud API; of the others the slug itself is shown.
WORDS = {
    "undeliverable": "the number is not on WhatsApp, or cannot be reached",
    "bad_recipient": "the number is wrong",
    "marketing_capped": "had enough marketing messages today, says WhatsApp",
    "marketing_experiment": "kept out of marketing by WhatsApp for a study",
    "marketing_opted_out": "opted out of marketing in WhatsApp",
    "blocked_by_us": "blocked by our own number",
    "throughput_exceeded": "too fast for the phone number",
    "pair_rate_limited": "too many messages to this person in a row",
    "service_unavailable": "WhatsApp was not available",
    "service_down": "WhatsApp was not available",
    "send_failed": "WhatsApp failed to send it",
    "no_connection": "no connection to WhatsApp",
    "connect_timeout": "no connection to WhatsApp in time",
    "number_locked": "the sending number's PIN or data do not fit",
    "withdrawn": "the call was withdrawn before it was sent",
    "unlisted": "a reason that is not known here",
}
# What a person's history says of a failure, by its category.
SENTENCE_ENDS = {
    Reason.RATE_LIMIT: "WhatsApp took no more messages in time",
    Reason.NETWORK_ERROR: "WhatsApp could not be reached",
    Reason.TIMEOUT: "WhatsApp did not answer in time",
    Reason.INVALID_NUMBER: "the number is not on WhatsApp",
    Reason.BLOCKED: "this person may not be written to by us",
    Reason.OPTED_OUT: "the person told WhatsApp to stop our messages",
    Reason.CAPPED: "the person has had as many marketing messages as Meta allows",
    Reason.EXPERIMENT: "Meta keeps this person out of marketing for a study",
    Reason.TEMPLATE: "the message template could not be used",
    Reason.CONTENT: "WhatsApp refused the text, perhaps for this person's name or details",
    Reason.NUMBER: "our phone number could not send",
    Reason.ACCOUNT: "our WhatsApp account could not send",
    Reason.SERVER_ERROR: "WhatsApp had a fault",
    Reason.UNKNOWN: "WhatsApp gave a reason that we do not know",
}
# Headings for sums over a category; a category without one is shown by its name.
HEADINGS = {
    Reason.INVALID_NUMBER: "Invalid numbers",
    Reason.RATE_LIMIT: "Rate limited",
    Reason.NETWORK_ERROR: "Network errors",
    Reason.TIMEOUT: "Timed out",
    Reason.BLOCKED: "Blocked",
    Reason.OPTED_OUT: "Opted out",
}


def explain(reason: str) -> Explanation:
    """The wording and advice for a stored reason; an unknown slug is shown as it is."""
    if reason in DeliveryReason.values:
        return OWN[DeliveryReason(reason)]
    plain = reason.replace("_", " ")
    failure = failures_by_slug().get(reason)
    if failure is None:
        return Explanation(plain, plain or "no reason was given", "")
    if failure is errors.WITHDRAWN:  # of the category UNKNOWN, but the reason is ours
        return Explanation(WORDS[reason], WORDS[reason], failure.advice)
    words = WORDS.get(reason, plain)
    if reason not in WORDS and failure.reason is Reason.CONTENT:
        words = f"WhatsApp refused the values: {words}"
    return Explanation(words, SENTENCE_ENDS[failure.reason], failure.advice)


def category(reason: str) -> str:
    """The category of a failure of the Cloud API; the slug itself for every other reason."""
    failure = failures_by_slug().get(reason)
    return failure.reason.value if failure else reason


def heading(name: str) -> str:
    """What a category is called beside a sum; an unknown name is shown as it is."""
    return HEADINGS[Reason(name)] if name in HEADINGS else name


@cache
def failures_by_slug() -> dict[str, Failure]:
    """Every failure in `phonepool/errors.py` by its slug; of several codes with one slug the
    first row counts."""
    single = [value for value in vars(errors).values() if isinstance(value, Failure)]
    of_ranges = [failure for _, _, failure in errors.RANGES]
    listed = [*errors.FAILURES.values(), *errors.SUBCODES.values(), *single, *of_ranges]
    # Reversed, so that the first of one slug is set last.
    return {failure.slug: failure for failure in reversed(listed)}


@cache
def pointless_slugs() -> tuple[str, ...]:
    """Reasons after which another try to the same person is pointless today."""
    found = failures_by_slug().items()
    return tuple(sorted(slug for slug, failure in found if failure.action in POINTLESS))
