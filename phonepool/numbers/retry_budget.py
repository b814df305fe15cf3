"""The retry budget: many failures must not double the load that caused them.

A number earns retries: a tenth (RETRY_SHARE) of the slots it gave out in the last two minutes. A
few, and one per second, are free, so that the last messages of a run are retried, too. A retry
over budget is not failed but waits until it is earned.

Retries after Meta's server errors and after failures that may lie in the message count. Not those
that put no load on Meta: refusals for speed (130429 comes before any work, and the rate follows
it), refusals because the number, the account or the message template is not usable, and calls that
never left this machine. So a number whose limit falls during a run catches up as fast as its slots
allow, within the service level.

Stored in the number's row and updated only after failures: a successful send costs nothing, because
it earns by the slot count that the reservation keeps anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from phonepool.errors import Action, Failure, FailureCategory
from phonepool.models import PhoneNumber
from phonepool.numbers import health

MEMORY_SECONDS = 120.0  # after this, unused credit expires
FREE_RETRIES_PER_SECOND = 1.0
FREE_RETRIES = 10.0  # when nothing failed for MEMORY_SECONDS


@dataclass(frozen=True, slots=True)
class Budget:
    """A number's earned retries; negative if retries already wait for future credit."""

    credit: float
    seen: int  # slots of the day that were already counted
    at: float  # Unix seconds


def uses_budget(failure: Failure) -> bool:
    """Whether a retry after this failure counts against the budget."""
    server_error = failure.category is FailureCategory.SERVER_ERROR
    return (server_error and failure.action is Action.BACKOFF) or failure.charged


def spend(
    account: Budget, retries: int, *, slots: int, rate: float, now: float
) -> tuple[Budget, list[float]]:
    """Takes `retries` at `now`, after `slots` of the day; returns how many seconds each waits."""
    elapsed = max(0.0, now - account.at)
    firsts = max(0, slots - account.seen)
    credit = account.credit
    if credit < 0:
        credit = min(0.0, credit + FREE_RETRIES_PER_SECOND * elapsed)
    if elapsed > MEMORY_SECONDS:
        credit = min(0.0, credit) + FREE_RETRIES
    share = settings.RETRY_SHARE
    credit = min(credit + share * firsts, share * rate * MEMORY_SECONDS + FREE_RETRIES)
    pace = FREE_RETRIES_PER_SECOND + share * min(rate, firsts / max(1.0, elapsed))
    waits = [max(0.0, (place - credit) / pace) for place in range(1, retries + 1)]
    # The slots for these retries are not first attempts: they earn nothing.
    return Budget(credit - retries, slots + retries, now), waits


def waits(number_id: int, retries: int, *, now: datetime) -> list[float]:
    """Takes `retries` from the number's budget; how many seconds each waits beyond its own delay,
    in ascending order."""
    with transaction.atomic():
        number = PhoneNumber.objects.select_for_update().get(pk=number_id)
        before = datetime.fromtimestamp(number.retry_at, UTC)
        same_day = timezone.localdate(before) == timezone.localdate(now)
        account, waits = spend(
            Budget(number.retry_credit, number.retry_seen if same_day else 0, number.retry_at),
            retries,
            slots=health.sent_today(number, now),
            rate=health.ceiling(number),
            now=now.timestamp(),
        )
        PhoneNumber.objects.filter(pk=number_id).update(
            retry_credit=account.credit, retry_seen=account.seen, retry_at=account.at
        )
    return waits
