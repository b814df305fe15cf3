"""Whether one reason fails more messages than chance allows. Pure: counts in, verdict out.

A reason that is booked as each recipient's own may lie in the message, the account, one phone
number or at Meta. A lower confidence bound of its share decides, so that a dozen failures among a
dozen answers suffice and a dozen among a thousand mean nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import NamedTuple

from phonepool.errors import BY_SLUG, FAILURES, PROXY_ANSWER, Action, Failure, FailureCategory

MIN_FAILURES = 12  # fewer are an individual's, whatever their share
MIN_ANSWERS_OF_OTHERS = 12  # by the other numbers, before one number is blamed
WAIT_FOR_OTHERS = 48  # failures of one number until the others' answers are awaited no longer
PAUSE_Z = 3.72  # one-sided: wrong once in 10,000 looks
OTHERS_Z = 1.645  # one-sided 95 %: resting a number by mistake costs little
NOT_FAILED = ""  # the reason of messages that did not fail for a watched reason

UNDELIVERABLE = FAILURES[131026].slug


class Threshold(NamedTuple):
    """The shares from which a reason pauses the distribution, and from which it is told."""

    pause: float | None
    alert: float | None = None


# Of the values of single recipients about 1 % are bad; nothing healthy comes near 5 %.
GENERAL = Threshold(pause=0.05)
# 2.5 % of an audience are not on WhatsApp; up to 10 % of a list that nobody looks after.
NOT_ON_WHATSAPP = Threshold(pause=0.5, alert=0.1)
# Meta decides for each person: up to 84 % of marketing messages in India.
META_DECIDES = Threshold(pause=None, alert=0.5)
# A person resumed in spite of this reason: only one that still hits nearly everybody pauses again.
ACCEPTED = Threshold(pause=0.5)


class Response(StrEnum):
    """What is to be done, the strongest first."""

    PAUSE = "PAUSE"
    REST_NUMBER = "REST_NUMBER"  # one number is the cause: others carry on
    ALERT = "ALERT"


class Counted(NamedTuple):
    """What is counted together: the number that sent, and the reason, or `NOT_FAILED`."""

    number_id: int
    reason: str


Counts = Mapping[Counted, int]


@dataclass(frozen=True, slots=True)
class MassFailure:
    """One reason that fails more messages than chance allows, and the response to it."""

    response: Response
    reason: str
    failures: int
    answers: int
    number_id: int | None = None  # the cause, if it is one number's


def threshold(failure: Failure) -> Threshold | None:
    """From which share a failure matters to everybody; None: another mechanism handles it."""
    if failure.dropped:
        return None  # a review of the portfolio
    if failure.slug == UNDELIVERABLE:
        return NOT_ON_WHATSAPP
    if failure.action in (Action.COOL, Action.OPTOUT):
        return META_DECIDES
    if failure.action in (Action.FIX, Action.INVALID) or failure is PROXY_ANSWER:
        return GENERAL
    server_error = failure.category is FailureCategory.SERVER_ERROR
    if failure.action is Action.BACKOFF and server_error and failure.charged:
        return GENERAL
    return None


WATCHED = {
    slug: limits for slug, failure in BY_SLUG.items() if (limits := threshold(failure)) is not None
}


def lower_bound(failures: int, answers: int, z: float = PAUSE_Z) -> float:
    """The one-sided lower Wilson bound of the share of failures."""
    return _wilson(failures, answers, -z) if answers else 0.0


def upper_bound(failures: int, answers: int, z: float = OTHERS_Z) -> float:
    """The one-sided upper Wilson bound of the share of failures."""
    return _wilson(failures, answers, z) if answers else 1.0


def _wilson(failures: int, answers: int, z: float) -> float:
    share = failures / answers
    spread = sqrt(share * (1 - share) / answers + z * z / (4 * answers * answers))
    return (share + z * z / (2 * answers) + z * spread) / (1 + z * z / answers)


def judge_each(
    windows: Iterable[Counts],
    failed: Collection[Counted],
    *,
    accepted_reason: str = "",
    others_send: bool = False,
) -> list[MassFailure]:
    """The strongest response to each reason that just `failed` and is unusual, strongest first.

    Each window is judged by itself: the whole run shows a small share, the last minute one that
    has just begun. `accepted_reason`: a person resumed the distribution in spite of it.
    `others_send`: there are numbers whose answers are still to come.
    """
    order = list(Response)
    strongest: dict[str, MassFailure] = {}
    for counts in windows:
        for reason in sorted({each.reason for each in failed}):
            is_accepted = reason == accepted_reason
            verdict = _judge_reason(counts, reason, failed, is_accepted, others_send)
            known = strongest.get(reason, verdict)
            if verdict is not None and known is not None:
                strongest[reason] = min(known, verdict, key=lambda one: order.index(one.response))
    return sorted(strongest.values(), key=lambda one: order.index(one.response))


def _judge_reason(
    counts: Counts, reason: str, failed: Collection[Counted], accepted: bool, others_send: bool
) -> MassFailure | None:
    limits = WATCHED.get(reason)
    if limits is None:
        return None
    if accepted and limits.pause is not None:
        limits = ACCEPTED
    failures, answers = _share(counts, reason)
    if _passes(failures, answers, limits.pause):
        return _pause_or_rest(counts, reason, failed, limits, others_send)
    if limits.pause is not None and (rest := _rest_one(counts, reason, failed, limits.pause)):
        return rest
    if _passes(failures, answers, limits.alert):
        return MassFailure(Response.ALERT, reason, failures, answers)
    return None


def _rest_one(
    counts: Counts, reason: str, failed: Collection[Counted], share: float
) -> MassFailure | None:
    """The number that alone fails so often, while all together do not."""
    failures, answers = _share(counts, reason)
    for number_id in sorted(each.number_id for each in failed if each.reason == reason):
        its = _share(counts, reason, number_id)
        others = failures - its[0], answers - its[1]
        if (
            _passes(*its, share)
            and others[1] >= MIN_ANSWERS_OF_OTHERS
            and upper_bound(*others) < lower_bound(*its)
        ):
            return MassFailure(Response.REST_NUMBER, reason, *its, number_id)
    return None


def _pause_or_rest(
    counts: Counts,
    reason: str,
    failed: Collection[Counted],
    limits: Threshold,
    others_send: bool,
) -> MassFailure | None:
    failures, answers = _share(counts, reason)
    pause = MassFailure(Response.PAUSE, reason, failures, answers)
    for number_id in sorted({counted.number_id for counted in counts}):
        its_failures, its_answers = _share(counts, reason, number_id)
        if not _passes(its_failures, its_answers, limits.pause):
            continue
        others = failures - its_failures, answers - its_answers
        if _passes(*others, limits.pause):
            return pause
        if others[1] >= MIN_ANSWERS_OF_OTHERS:
            if upper_bound(*others) >= lower_bound(its_failures, its_answers):
                return pause
            if Counted(number_id, reason) not in failed:
                return None  # failures of the past, for which it has rested
            return MassFailure(Response.REST_NUMBER, reason, its_failures, its_answers, number_id)
        if (others[1] or others_send) and not others[0] and its_failures < WAIT_FOR_OTHERS:
            return None  # the others' next answers tell whether it is this number's fault
    return pause


def _share(counts: Counts, reason: str, number_id: int | None = None) -> tuple[int, int]:
    """Failures for the reason and all answers, of one number or of all."""
    of_it = [each for each in counts if number_id in (None, each.number_id)]
    failures = sum(max(0, counts[each]) for each in of_it if each.reason == reason)
    return failures, max(failures, sum(counts[each] for each in of_it))


def _passes(failures: int, answers: int, share: float | None) -> bool:
    return share is not None and failures >= MIN_FAILURES and lower_bound(failures, answers) > share
