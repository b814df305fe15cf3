"""Breakers: what fails call after call is left alone, tried by one message, and taken back.

Columns, so that every process agrees. A CLOSED breaker lets through. An OPEN one lets nothing
through until `breaker_until`; then one reservation finds it HALF_OPEN with a single slot
(`phonepool/numbers/reservation.py`), and that one's answer closes or opens it. An account's breaker
is open while the fault is not one number's: all its numbers are open then, and none is woken.
Refusals for speed (AIMD) and whatever is about a recipient do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db.models import F

from phonepool.errors import UNASKED, Action, Failure, is_fault
from phonepool.models import Breaker, NumberState, PhoneNumber, Portfolio, Quality
from phonepool.numbers.health import (
    CUT_INTERVAL_SECONDS,
    MIN_RATE_PER_SECOND,
    ceiling,
    record_event,
)

WINDOW_SECONDS = 10.0  # seconds over which faults are counted
OPEN_SHARE = 0.5  # of the calls in the window: from here on it is not bad luck
# A number that comes back begins at this share of its speed and climbs, like after a cut.
RETURN_SHARE = 0.25
IDLE_SECONDS = 600.0  # seconds after which a breaker that nobody tries any more is forgotten


class CallReport(NamedTuple):
    """How one call on a number ended."""

    number_id: int
    failure: Failure | None  # None: accepted
    slot: float = float("inf")  # Unix seconds it was to go at; infinite: only just heard of
    wait: float | None = None  # seconds that Meta asks for
    watched: bool = False  # good or bad, it is news: the number rested or failed lately

    @property
    def is_relevant(self) -> bool:
        """Whether it says something about the number's breaker."""
        failure = self.failure
        return self.watched or (
            failure is not None and (failure.action is Action.ABORT or is_fault(failure))
        )


def apply_reports(number_id: int, answers: Sequence[CallReport], *, now: datetime) -> bool:
    """Take a number's answers into account; True when its breaker was opened by them."""
    number = PhoneNumber.objects.get(pk=number_id)
    # Slots from before the breaker moved are old news: late time-outs of a fault now mended.
    failures = [
        answer.failure
        for answer in answers
        if answer.slot >= number.breaker_at and answer.failure not in UNASKED
    ]
    account_wide = [failure for failure in failures if failure and failure.action is Action.ABORT]
    faults = [failure for failure in failures if failure and is_fault(failure)]
    if not failures:
        return False
    if account_wide and number.breaker == Breaker.CLOSED:
        open_account(number.portfolio_id, account_wide[0].slug, now=now)
        return True
    if number.breaker == Breaker.CLOSED:
        return _count_faults(number, faults, len(failures), now)
    if faults or account_wide:
        _stay_open(number, (faults + account_wide)[0].slug, now)
    elif not any(failure and failure.action is Action.NUMBER for failure in failures):
        _close(number, now)
    return False


def _count_faults(
    number: PhoneNumber, faults: Sequence[Failure], heard: int, now: datetime
) -> bool:
    """Add to the window, or begin one with the first fault; open when it is too much."""
    moment = now.timestamp()
    running = PhoneNumber.objects.filter(pk=number.pk, heard_at__gt=moment - WINDOW_SECONDS)
    if not running.update(faults=F("faults") + len(faults), heard=F("heard") + heard):
        if not faults:
            return False
        PhoneNumber.objects.filter(pk=number.pk).update(
            faults=len(faults), heard=heard, heard_at=moment
        )
    if not faults:
        return False
    number.refresh_from_db(fields=["faults", "heard"])
    if number.faults < max(settings.BREAKER_FAULTS, OPEN_SHARE * number.heard):
        return False
    return _open(number, f"{number.faults} of {number.heard} calls: {faults[0].slug}", now)


def _open(number: PhoneNumber, why: str, now: datetime) -> bool:
    if not _open_number(number.pk, why, now):
        return False
    others = PhoneNumber.objects.filter(
        portfolio_id=number.portfolio_id, state__in=[NumberState.ACTIVE, NumberState.STANDBY]
    ).exclude(quality=Quality.FLAGGED)
    if not others.filter(breaker=Breaker.CLOSED).exists():
        open_account(number.portfolio_id, why, now=now)  # it is not one number's trouble
    return True


def _open_number(number_id: int, why: str, now: datetime) -> bool:
    moment = now.timestamp()
    opened = PhoneNumber.objects.filter(pk=number_id, breaker=Breaker.CLOSED).update(
        breaker=Breaker.OPEN,
        breaker_at=moment,
        breaker_until=moment + settings.BREAKER_COOLDOWN_SECONDS,
        heard_at=0.0,
    )
    if opened:
        record_event(number_id, "breaker_opened", why, now)
    return bool(opened)


def open_account(portfolio_id: int, why: str, *, now: datetime) -> bool:
    """Nothing goes by any number of this portfolio for a while; True when it was open not yet."""
    closed = Portfolio.objects.filter(pk=portfolio_id, breaker=Breaker.CLOSED)
    opened = closed.update(breaker=Breaker.OPEN, breaker_reason=why[:80])
    numbers = PhoneNumber.objects.filter(portfolio_id=portfolio_id, breaker=Breaker.CLOSED)
    for number_id in list(numbers.values_list("pk", flat=True)):
        _open_number(number_id, f"account: {why}", now)
    return bool(opened)


def _stay_open(number: PhoneNumber, why: str, now: datetime) -> None:
    until = now.timestamp() + settings.BREAKER_COOLDOWN_SECONDS
    tried = PhoneNumber.objects.filter(pk=number.pk, breaker=Breaker.HALF_OPEN)
    if tried.update(breaker=Breaker.OPEN, breaker_until=until):
        record_event(number.pk, "breaker_stays_open", why, now)


def _close(number: PhoneNumber, now: datetime, why: str = "a trial went well") -> None:
    moment = now.timestamp()
    closed = PhoneNumber.objects.filter(pk=number.pk).exclude(breaker=Breaker.CLOSED)
    if not closed.update(
        breaker=Breaker.CLOSED,
        breaker_at=moment,
        heard_at=0.0,
        cut_rate=max(MIN_RATE_PER_SECOND, RETURN_SHARE * ceiling(number)),
        cut_at=moment - CUT_INTERVAL_SECONDS,
    ):
        return
    record_event(number.pk, "breaker_closed", why, now)
    opened = Portfolio.objects.filter(pk=number.portfolio_id, breaker=Breaker.OPEN)
    if opened.update(breaker=Breaker.CLOSED, breaker_reason=""):
        _release_other_numbers(number.portfolio_id, moment)


def _release_other_numbers(portfolio_id: int, moment: float) -> None:
    """The account is well again: each number that sends shows it for itself, at once."""
    still = PhoneNumber.objects.filter(portfolio_id=portfolio_id).exclude(breaker=Breaker.CLOSED)
    still.filter(state=NumberState.ACTIVE).update(breaker_until=moment)
    still.exclude(state=NumberState.ACTIVE).update(breaker=Breaker.CLOSED, breaker_at=moment)


def retry_now(now: datetime) -> int:
    """A human says that it is mended: no more waiting for the next trial; how many numbers."""
    waiting = PhoneNumber.objects.exclude(breaker=Breaker.CLOSED)
    return waiting.update(breaker_until=now.timestamp())


def close_idle(now: datetime) -> int:
    """Forget breakers that nobody has tried for long, such as a morning's at its end."""
    old = PhoneNumber.objects.exclude(breaker=Breaker.CLOSED).filter(
        breaker_until__lt=now.timestamp() - IDLE_SECONDS
    )
    forgotten = list(old)
    for number in forgotten:
        _close(number, now, "nothing was tried for ten minutes")
    return len(forgotten)
