"""A delivery's reason in plain words, with what helps. Slugs are for machines; these are read."""

from __future__ import annotations

from dataclasses import dataclass

from phonepool import advice
from phonepool.errors import Reason


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a reason means and what a person can do about it."""

    words: str
    advice: str


# Why we ourselves did not send, or do not know: Meta has no part in these.
OURS = {
    "opted_out": Explanation("opted out before it was sent", "Nothing: the wish is kept."),
    "cancelled": Explanation("left out, the distribution was cancelled", "Nothing."),
    "window": Explanation(
        "not sent before the window ended", "Find out what held it up: pool, account or machine."
    ),
    "portfolio_limit": Explanation(
        "over the account's limit of people in 24 hours", "Ask Meta for a higher limit."
    ),
    "no_answer": Explanation(
        "no answer to the call yet", "Nothing: WhatsApp's reports tell, or the list of doubts."
    ),
    "never_answered": Explanation(
        "nobody knows whether it arrived", "Decide on each in the list of doubts."
    ),
    "never_released": Explanation(
        "held back by WhatsApp to the end", "Decide on each in the list of doubts."
    ),
    "restored": Explanation(
        "in doubt since the database was restored", "Decide on each in the list of doubts."
    ),
}
# The commonest ones deserve better words than their slugs.
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


def explain(reason: str) -> Explanation:
    """Plain words and advice for a stored reason; an unknown one is shown as it is."""
    if reason in OURS:
        return OURS[reason]
    failure = advice.by_slug().get(reason)
    words = WORDS.get(reason) or reason.replace("_", " ")
    if reason not in WORDS and failure is not None and failure.reason is Reason.CONTENT:
        words = f"WhatsApp refused the values: {words}"
    return Explanation(words, failure.advice if failure else "")
