"""Circuit breakers of phone numbers and accounts.

Stored in columns, so that every process sees the same state. CLOSED: calls are made. OPEN: none
until `breaker_until`; then one reservation (`phonepool/numbers/reservation.py`) makes it HALF_OPEN
with a single slot, and the result of that call closes or opens it. An account's breaker is open
while the fault is not one number's: the breakers of all its numbers are open then, and no backup
is woken. Refusals for speed (AIMD) and failures that are about a recipient do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db.models import F

from phonepool.errors import NO_CALL_MADE, Action, Failure, is_fault
from phonepool.models import Breaker, NumberState, PhoneNumber, Portfolio, Quality
from phonepool.numbers import return_rule
from phonepool.numbers.health import (
    CUT_INTERVAL_SECONDS,
    MIN_RATE_PER_SECOND,
    ceiling,
    record_event,
    rest,
)

WINDOW_SECONDS = 10.0  # in which faults are counted
OF_ACCOUNT = "account: "  # begins the reason of a breaker that was opened with all of its account
OPEN_SHARE = 0.5  # of the calls in the window; fewer faults do not open the breaker
# A number whose breaker closes starts at this share of its rate and climbs, as after a cut.
RETURN_SHARE = 0.25
IDLE_SECONDS = 600.0  # a breaker without a trial for this long is closed


class CallReport(NamedTuple):
    """How one call on a number ended."""

    number_id: int
    failure: Failure | None  # None: accepted
    slot: float = float("inf")  # Unix seconds at which it was due; infinite: about no message
    wait: float | None = None  # seconds that Meta asks us to wait
    watched: bool = False  # a success matters, too: the number rested or failed recently
    late: bool = False  # reported after acceptance: it may be older than what was done about it

    @property
    def is_relevant(self) -> bool:
        """Whether it affects the number's breaker."""
        failure = self.failure
        return self.watched or (
            failure is not None and (failure.action is Action.ABORT or is_fault(failure))
        )


def apply_reports(number_id: int, answers: Sequence[CallReport], *, now: datetime) -> bool:
    """Applies a number's reports; True if they opened its breaker."""
    number = PhoneNumber.objects.get(pk=number_id)
    # Calls due before the breaker's last change do not count: late time-outs of a past fault.
    failures = [
        answer.failure
        for answer in answers
        if answer.slot >= number.breaker_at and answer.failure not in NO_CALL_MADE
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


def _open(number: PhoneNumber, reason: str, now: datetime) -> bool:
    if not _open_number(number.pk, reason, now):
        return False
    others = PhoneNumber.objects.filter(
        portfolio_id=number.portfolio_id, state__in=[NumberState.ACTIVE, NumberState.STANDBY]
    ).exclude(quality=Quality.FLAGGED)
    if not others.filter(breaker=Breaker.CLOSED).exists():
        open_account(number.portfolio_id, reason, now=now)  # not the fault of one number
    return True


def _open_number(number_id: int, reason: str, now: datetime) -> bool:
    moment = now.timestamp()
    opened = PhoneNumber.objects.filter(pk=number_id, breaker=Breaker.CLOSED).update(
        breaker=Breaker.OPEN,
        breaker_at=moment,
        breaker_until=moment + settings.BREAKER_COOLDOWN_SECONDS,
        heard_at=0.0,
    )
    if opened:
        record_event(number_id, "breaker_opened", reason, now)
    return bool(opened)


def open_account(portfolio_id: int, reason: str, *, now: datetime) -> bool:
    """Opens the breakers of a portfolio and its numbers; True if the portfolio's was closed."""
    closed = Portfolio.objects.filter(pk=portfolio_id, breaker=Breaker.CLOSED)
    opened = closed.update(breaker=Breaker.OPEN, breaker_reason=reason[:80])
    numbers = PhoneNumber.objects.filter(portfolio_id=portfolio_id, breaker=Breaker.CLOSED)
    for number_id in list(numbers.values_list("pk", flat=True)):
        _open_number(number_id, OF_ACCOUNT + reason, now)
    return bool(opened)


def _stay_open(number: PhoneNumber, reason: str, now: datetime) -> None:
    until = now.timestamp() + settings.BREAKER_COOLDOWN_SECONDS
    tried = PhoneNumber.objects.filter(pk=number.pk, breaker=Breaker.HALF_OPEN)
    if tried.update(breaker=Breaker.OPEN, breaker_until=until):
        record_event(number.pk, "breaker_stays_open", reason, now)


def _close(number: PhoneNumber, now: datetime, reason: str = "a trial went well") -> None:
    moment = now.timestamp()
    closed = PhoneNumber.objects.filter(pk=number.pk).exclude(breaker=Breaker.CLOSED)
    own = _was_its_own(number)
    if not closed.update(
        breaker=Breaker.CLOSED,
        breaker_at=moment,
        heard_at=0.0,
        cut_rate=max(MIN_RATE_PER_SECOND, RETURN_SHARE * ceiling(number)),
        cut_at=moment - CUT_INTERVAL_SECONDS,
        **(return_rule.beginning(number, now) if own else {}),
    ):
        return
    record_event(number.pk, "breaker_closed", reason, now)
    if own and return_rule.is_unsteady(number, now):
        rest(number.pk, "its breaker opened too often", now=now)
    opened = Portfolio.objects.filter(pk=number.portfolio_id, breaker=Breaker.OPEN)
    if opened.update(breaker=Breaker.CLOSED, breaker_reason=""):
        _release_other_numbers(number.portfolio_id, now)


def _was_its_own(number: PhoneNumber) -> bool:
    """Whether the fault was the number's, so that it comes back in steps: not its account's, which
    is everybody's fault, and no other number is the better for it."""
    events = number.events.filter(kind="breaker_opened").order_by("-at", "-pk")
    reason = events.values_list("detail", flat=True).first() or ""
    return not reason.startswith(OF_ACCOUNT) and not _account_is_open(number)


def _account_is_open(number: PhoneNumber) -> bool:
    """One of an account with a single number may be that number's."""
    accounts = Portfolio.objects.filter(pk=number.portfolio_id, breaker=Breaker.OPEN)
    others = PhoneNumber.objects.in_service().filter(portfolio_id=number.portfolio_id)
    return accounts.exists() and others.exclude(pk=number.pk).exists()


def _release_other_numbers(portfolio_id: int, now: datetime) -> None:
    """The account works again: active numbers get their trial at once, others are closed."""
    moment = now.timestamp()
    others = PhoneNumber.objects.filter(portfolio_id=portfolio_id).exclude(breaker=Breaker.CLOSED)
    others.filter(state=NumberState.ACTIVE).update(breaker_until=moment)
    for number in others.exclude(state=NumberState.ACTIVE):
        closed = PhoneNumber.objects.filter(pk=number.pk).exclude(breaker=Breaker.CLOSED)
        if closed.update(breaker=Breaker.CLOSED, breaker_at=moment):
            record_event(number.pk, "breaker_closed", "the account works again", now)


def retry_now(now: datetime) -> int:
    """Allows the next trial at once, when a user has fixed the fault; how many numbers."""
    not_closed = PhoneNumber.objects.exclude(breaker=Breaker.CLOSED)
    return not_closed.update(breaker_until=now.timestamp())


def close_idle(now: datetime) -> int:
    """Closes breakers without a trial for IDLE_SECONDS, such as after the end of a run."""
    old = PhoneNumber.objects.exclude(breaker=Breaker.CLOSED).filter(
        breaker_until__lt=now.timestamp() - IDLE_SECONDS
    )
    idle = list(old)
    for number in idle:
        _close(number, now, "nothing was tried for ten minutes")
    return len(idle)
