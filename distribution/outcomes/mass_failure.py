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
# In a run of fewer people than that: all of at least these, alike, for what lies in the message.
MIN_OF_A_FEW = 3
MIN_ANSWERS_OF_OTHERS = 12  # by the other numbers, before one number is blamed
WAIT_FOR_OTHERS = 48  # failures of one number until the others' answers are awaited no longer
PAUSE_Z = 3.72  # one-sided: wrong once in 10,000 looks
OTHERS_Z = 1.645  # one-sided 95 %: resting a number by mistake costs little
NOT_FAILED = ""  # the reason of messages that did not fail for a watched reason

UNDELIVERABLE = FAILURES[131026].slug
STOPPED = FAILURES[131050].slug


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
# People who use WhatsApp's own switch are unsubscribed by it, so each of them fails once; more than
# a tenth of everybody on one morning is no wish of theirs.
STOPPED_MARKETING = Threshold(pause=0.1, alert=None)
# A person resumed in spite of this reason: only one that still hits nearly everybody pauses again.
ACCEPTED = Threshold(pause=0.5)


class Response(StrEnum):
    """What is to be done, the strongest first."""

    PAUSE = "PAUSE"
    REST_NUMBER = "REST_NUMBER"  # one number, or those of one account, are the cause
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
    account_numbers: tuple[int, ...] = ()  # the cause, if it is one account's: all its numbers

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers that are the cause; empty: it hits everybody."""
        return self.account_numbers if self.number_id is None else (self.number_id,)


def threshold(failure: Failure) -> Threshold | None:
    """From which share a failure matters to everybody; None: another mechanism handles it."""
    if failure.dropped:
        return None  # a review of the portfolio
    if failure.slug == UNDELIVERABLE:
        return NOT_ON_WHATSAPP
    if failure.action is Action.OPTOUT:
        return STOPPED_MARKETING
    if failure.action is Action.COOL:
        return META_DECIDES
    if failure.action in (Action.FIX, Action.INVALID) or failure is PROXY_ANSWER:
        return GENERAL
    server_error = failure.category is FailureCategory.SERVER_ERROR
    if failure.action is Action.BACKOFF and server_error and failure.charged:
        return GENERAL
    return None


# Not the values of one person: what the message template, its file or the call as such lacks.
IN_MESSAGE = {
    FAILURES[code].slug
    for code in (100, 131008, 131030, 131051, 131053, 131055, 132000, 132012, 134100, 135000)
} | {PROXY_ANSWER.slug}
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
    accounts: Mapping[int, int] | None = None,
    recipients: int | None = None,
) -> list[MassFailure]:
    """The strongest response to each reason that just `failed` and is unusual, strongest first.

    Each window is judged by itself: the whole run shows a small share, the last minute one that
    has just begun. `accepted_reason`: a person resumed the distribution in spite of it.
    `others_send`: there are numbers whose answers are still to come. `accounts` are the accounts of
    the numbers; `recipients` is how many people the run has.
    """
    case = _Case(failed, others_send, accounts or {}, recipients)
    order = list(Response)
    strongest: dict[str, MassFailure] = {}
    for counts in windows:
        for reason in sorted({each.reason for each in failed}):
            is_accepted = reason == accepted_reason
            verdict = _judge_reason(counts, reason, is_accepted, case)
            known = strongest.get(reason, verdict)
            if verdict is not None and known is not None:
                strongest[reason] = min(known, verdict, key=lambda one: order.index(one.response))
    return sorted(strongest.values(), key=lambda one: order.index(one.response))


class _Case(NamedTuple):
    """What is judged, beside the counts."""

    failed: Collection[Counted]
    others_send: bool
    accounts: Mapping[int, int]
    recipients: int | None

    def has_failed(self, numbers: Iterable[int], reason: str) -> bool:
        return any(Counted(number_id, reason) in self.failed for number_id in numbers)

    def groups(self, counts: Counts) -> list[tuple[int, ...]]:
        """Each number, then the numbers of each account that has several but not all of them."""
        numbers = sorted({counted.number_id for counted in counts})
        by_account: dict[int, list[int]] = {}
        for number_id in numbers:
            if number_id in self.accounts:
                by_account.setdefault(self.accounts[number_id], []).append(number_id)
        several = [tuple(own) for own in by_account.values() if 1 < len(own) < len(numbers)]
        return [*((number_id,) for number_id in numbers), *several]

    def least(self, reason: str) -> int:
        """How many alike are no single person's any more."""
        few = self.recipients is not None and self.recipients < MIN_FAILURES
        return MIN_OF_A_FEW if few and lies_in_message(BY_SLUG[reason]) else MIN_FAILURES


def lies_in_message(failure: Failure) -> bool:
    """Whether it says that the message is wrong for everybody, and not one person's values."""
    return failure.slug in IN_MESSAGE


def _judge_reason(counts: Counts, reason: str, accepted: bool, case: _Case) -> MassFailure | None:
    limits = WATCHED.get(reason)
    if limits is None:
        return None
    if accepted and limits.pause is not None:
        limits = ACCEPTED
    failures, answers = _share(counts, reason)
    if _passes(failures, answers, limits.pause):
        return _pause_or_rest(counts, reason, limits, case)
    if failures == answers and case.least(reason) <= failures < MIN_FAILURES:
        return MassFailure(Response.PAUSE, reason, failures, answers)
    if limits.pause is not None:
        rest = _rest_one(counts, reason, case.failed, limits.pause, (failures, answers))
        if rest:
            return rest
    if _passes(failures, answers, limits.alert):
        return MassFailure(Response.ALERT, reason, failures, answers)
    return None


def _rest_one(
    counts: Counts, reason: str, failed: Collection[Counted], share: float, of_all: tuple[int, int]
) -> MassFailure | None:
    """The number that alone fails so often, while all together do not."""
    for number_id in sorted(each.number_id for each in failed if each.reason == reason):
        its = _share(counts, reason, [number_id])
        others = of_all[0] - its[0], of_all[1] - its[1]
        if (
            _passes(*its, share)
            and others[1] >= MIN_ANSWERS_OF_OTHERS
            and upper_bound(*others) < lower_bound(*its)
        ):
            return MassFailure(Response.REST_NUMBER, reason, *its, number_id)
    return None


def _pause_or_rest(
    counts: Counts, reason: str, limits: Threshold, case: _Case
) -> MassFailure | None:
    failures, answers = _share(counts, reason)
    pause = MassFailure(Response.PAUSE, reason, failures, answers)
    for numbers in case.groups(counts):
        its_failures, its_answers = _share(counts, reason, numbers)
        others = failures - its_failures, answers - its_answers
        if not _passes(its_failures, its_answers, limits.pause) or _passes(*others, limits.pause):
            continue
        if others[1] >= MIN_ANSWERS_OF_OTHERS:
            if upper_bound(*others) >= lower_bound(its_failures, its_answers):
                return pause
            if not case.has_failed(numbers, reason):
                return None  # failures of the past, for which it has rested
            return _rest(reason, its_failures, its_answers, numbers)
        awaited = others[1] or case.others_send
        if awaited and not others[0] and its_failures < WAIT_FOR_OTHERS:
            return None  # the others' next answers tell whether it is this number's fault
    return pause


def _rest(reason: str, failures: int, answers: int, numbers: tuple[int, ...]) -> MassFailure:
    if len(numbers) == 1:
        return MassFailure(Response.REST_NUMBER, reason, failures, answers, numbers[0])
    return MassFailure(Response.REST_NUMBER, reason, failures, answers, account_numbers=numbers)


def _share(counts: Counts, reason: str, numbers: Collection[int] | None = None) -> tuple[int, int]:
    """Failures for the reason and all answers, of some numbers or of all."""
    failures = answers = 0
    for each, count in counts.items():  # one loop: it runs for each batch and each bundle
        if numbers is None or each.number_id in numbers:
            answers += count
            if each.reason == reason and count > 0:
                failures += count
    return failures, max(failures, answers)


def _passes(failures: int, answers: int, share: float | None) -> bool:
    return share is not None and failures >= MIN_FAILURES and lower_bound(failures, answers) > share
