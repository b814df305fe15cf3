"""The pool's front door for senders: slots to send in, and what became of the sends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from phonepool.errors import Action
from phonepool.models import PhoneNumber, Portfolio
from phonepool.numbers import breakers, health, reservation, selection
from phonepool.numbers.breakers import Answer
from phonepool.numbers.reservation import Reservation


def reserve(count: int, *, now: datetime) -> Reservation | None:
    """Slots for up to `count` messages on the number that finishes them first.

    A number that refuses (full, resting, out) passes the turn to the next. None: no room now.
    """
    for number in selection.rank(PhoneNumber.objects.usable(), count, now=now):
        taken = reservation.reserve(number, count, now=now)
        if taken is not None:
            return taken
    return None


# A few 130429 among many answers are jitter on the way to Meta: they are sent again and all is
# well. From this share on (and more than one) the rate itself is too high.
REFUSED_SHARE = 0.2


# Limits that are not one number's: of the whole app, and of one account. Another number of it
# would only be refused, too, and Meta's count go on.
APP_LIMIT, ACCOUNT_LIMIT = "app_rate_limited", "management_rate_limited"
UNTOLD_PAUSE = 60.0  # seconds, when Meta does not say how long


def report_answers(answers: Sequence[Answer], *, now: datetime) -> bool:
    """Tell the pool how numbers answered lately; True when one fell out by it.

    What is only about a recipient passes by.
    """
    by_number: dict[int, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_number[answer.number_id].append(answer)
    lost = [_report(number_id, theirs, now) for number_id, theirs in by_number.items()]
    _pause_accounts(answers, now)
    return any(lost)


def _pause_accounts(answers: Sequence[Answer], now: datetime) -> None:
    for answer in answers:
        slug = answer.failure.slug if answer.failure else ""
        if slug in (APP_LIMIT, ACCOUNT_LIMIT):
            hit = Portfolio.objects.all()
            if slug == ACCOUNT_LIMIT:
                hit = hit.filter(numbers=answer.number_id)
            health.pause_account(hit, answer.wait or UNTOLD_PAUSE, slug, now=now)


def _report(number_id: int, answers: Sequence[Answer], now: datetime) -> bool:
    failures = [answer.failure for answer in answers if answer.failure is not None]
    too_fast = sum(failure.slug == "throughput_exceeded" for failure in failures)
    if too_fast > 1 and too_fast >= REFUSED_SHARE * len(answers):
        health.cut_rate(number_id, now=now)
    lost = any(answer.matters for answer in answers) and breakers.weigh(number_id, answers, now=now)
    refused = [failure for failure in failures if failure.action is Action.NUMBER]
    if refused:
        lost |= health.rest(number_id, refused[0].slug, now=now)
    elif any(answer.watched and answer.failure is None for answer in answers):
        health.report_success([number_id])
    return lost


def recipient_limit() -> int | None:
    """Unique people the portfolios behind usable numbers may write to in a rolling 24 h;
    None: unlimited."""
    usable = PhoneNumber.objects.usable()
    if not usable.exists():  # those standing by will be woken
        usable = PhoneNumber.objects.standing_by()
    portfolios = Portfolio.objects.filter(numbers__in=usable).distinct()
    limits = list(portfolios.values_list("recipient_limit", flat=True))
    if not limits or None in limits:
        return None
    return sum(limit for limit in limits if limit is not None)
