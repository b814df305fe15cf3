"""Why a delivery or an attempt ended as it did: every slug, its wording and its advice.

A reason is stored as a slug. Our own slugs are listed here; those of the Cloud API come from
`phonepool/error_codes.csv`, and their wording follows from their category there. The texts are in
`reasons.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.db import models

from phonepool import errors
from phonepool.errors import Action, Failure, FailureCategory
from subscribers.models import Status


class DeliveryReason(models.TextChoices):
    """Reasons that we give ourselves: Meta refused nothing, or never answered."""

    OPTED_OUT = "opted_out"  # or asked to be erased
    PERSON_PAUSED = "person_paused"
    NUMBER_INVALID = "number_invalid"  # WhatsApp could not reach it on several days
    CANCELLED = "cancelled"  # the distribution; a call withdrawn unsent is `errors.WITHDRAWN`
    WINDOW_OVER = "window"
    PORTFOLIO_LIMIT = "portfolio_limit"
    ALREADY_RECEIVED = "already_received"  # the same content, by another distribution that day
    NO_ANSWER = errors.NO_ANSWER.slug
    NEVER_ANSWERED = "never_answered"
    NEVER_RELEASED = "never_released"
    RESTORED = "restored"


# Nothing is owed to these people any more: they, or an operator, decided against it, or they have
# it already.
NOT_OWED = (
    DeliveryReason.OPTED_OUT,
    DeliveryReason.PERSON_PAUSED,
    DeliveryReason.NUMBER_INVALID,
    DeliveryReason.CANCELLED,
    DeliveryReason.ALREADY_RECEIVED,
)
# Why somebody who was in the audience is left out when their turn comes.
REASON_OF_STATUS = {
    Status.UNSUBSCRIBED: DeliveryReason.OPTED_OUT,
    Status.PAUSED: DeliveryReason.PERSON_PAUSED,
    Status.INVALID: DeliveryReason.NUMBER_INVALID,
}
# A second try on the same day changes nothing for this recipient, or makes it worse.
POINTLESS = frozenset({Action.INVALID, Action.COOL, Action.OPTOUT})


@dataclass(frozen=True, slots=True)
class Explanation:
    """One reason in plain words, for a list and for a sentence, and what staff can do about it."""

    words: str  # in a list: "opted out before it was sent"
    sentence_end: str  # after "Not sent on 21 Nov: "
    advice: str


_WORDING = json.loads(Path(__file__).with_name("reasons.json").read_text("utf-8"))
OWN = {
    DeliveryReason(slug): Explanation(**wording)
    for slug, wording in _WORDING["own_reasons"].items()
}
# The commonest failures of the Cloud API; of the others the slug itself is shown.
WORDS: dict[str, str] = _WORDING["failures"]
# What a person's history says of a failure, by its category.
SENTENCE_ENDS = {FailureCategory(name): words for name, words in _WORDING["sentence_ends"].items()}
# Headings for sums over a category; a category without one is shown by its name.
HEADINGS: dict[str, str] = _WORDING["headings"]


def explain(reason: str) -> Explanation:
    """The wording and advice for a stored reason; an unknown slug is shown as it is."""
    if reason in DeliveryReason.values:
        return OWN[DeliveryReason(reason)]
    plain = reason.replace("_", " ")
    failure = errors.BY_SLUG.get(reason)
    if failure is None:
        return Explanation(plain, plain or "no reason was given", "")
    if failure is errors.WITHDRAWN:  # of the category UNKNOWN, but the reason is ours
        return Explanation(WORDS[reason], WORDS[reason], failure.advice)
    words = WORDS.get(reason, plain)
    if reason not in WORDS and failure.category is FailureCategory.CONTENT:
        words = f"WhatsApp refused the values: {words}"
    return Explanation(words, SENTENCE_ENDS[failure.category], failure.advice)


def category(reason: str) -> str:
    """The category of a failure of the Cloud API; the slug itself for every other reason."""
    failure = errors.BY_SLUG.get(reason)
    return failure.category.value if failure else reason


def heading(name: str) -> str:
    """What a category is called beside a sum; an unknown name is shown as it is."""
    return HEADINGS.get(name, name)


@cache
def pointless_slugs() -> tuple[str, ...]:
    """Reasons after which another try to the same person is pointless today, or forbidden."""
    return _slugs(
        lambda failure: failure.action in POINTLESS or not errors.may_be_sent_again(failure)
    )


@cache
def halting_slugs() -> tuple[str, ...]:
    """Failures that stop a whole distribution: who waits because of one was not sent for it."""
    return _slugs(lambda failure: failure.action in errors.HALTING)


def _slugs(matches: Callable[[Failure], bool]) -> tuple[str, ...]:
    return tuple(sorted(slug for slug, failure in errors.BY_SLUG.items() if matches(failure)))
