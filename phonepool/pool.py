"""The pool's front door for senders: slots to send in, and what became of the sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from phonepool import health, reservation, selection
from phonepool.errors import Action, Failure
from phonepool.models import PhoneNumber, Portfolio
from phonepool.reservation import Reservation


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


def report_answers(answers: Sequence[tuple[int, Failure | None]], *, now: datetime) -> None:
    """Tell the pool how numbers were answered lately, by number (None: accepted).

    What is only about a recipient passes by.
    """
    totals = Counter(number_id for number_id, _ in answers)
    for (number_id, failure), times in Counter(answers).items():
        if failure is None:
            continue
        if failure.slug == "throughput_exceeded":
            if times > 1 and times >= REFUSED_SHARE * totals[number_id]:
                health.cut_rate(number_id, now=now)
        elif failure.action is Action.NUMBER:
            health.rest(number_id, failure.slug, now=now)


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
