"""The retry budget: a storm of failures must not double the load that caused it.

Retries are earned: a tenth (RETRY_SHARE) of the slots that a number gave out in the last two
minutes; a few at first and one a second are free, so that the last of a morning come to an end.
What is over budget is never failed for it: it waits longer, as long as earning it takes.

Which tries count: those after Meta's server errors and those that may lie in the message.
Not those that never were a load: refused for speed (130429 comes before any work, and the rate
itself follows it), refused because the number was gone, the account shut or the message template
stopped, and what never left this machine. So a number whose limit falls in mid-morning is caught
up with as fast as its slots allow, inside the service level.

Kept in the number's row and asked for only when something failed: a send that goes well pays
nothing for it, for what it earns is the slot count that the reservation keeps anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from phonepool.errors import Action, Failure, Reason
from phonepool.models import PhoneNumber
from phonepool.numbers import health

MEMORY_SECONDS = 120.0  # seconds after which what was earned and not used is forgotten
FREE_RETRIES_PER_SECOND = 1.0  # retries a second that need not be earned
FREE_RETRIES = 10.0  # nor these, when nothing failed for two minutes: so few are no storm


@dataclass(frozen=True, slots=True)
class Budget:
    """What a number has earned; below nought it is in debt to those that wait already."""

    credit: float
    seen: int  # the slots of the day that were counted
    at: float  # Unix seconds


def uses_budget(failure: Failure) -> bool:
    """Whether trying again after this failure counts against the budget."""
    ill = failure.reason is Reason.SERVER_ERROR and failure.action is Action.BACKOFF
    return ill or failure.charged


def spend(
    account: Budget, retries: int, *, slots: int, rate: float, now: float
) -> tuple[Budget, list[float]]:
    """So many retries at `now`, after `slots` of the day: how long each waits, in seconds."""
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
    # The slots that these will take are no first attempts: they earn nothing.
    return Budget(credit - retries, slots + retries, now), waits


def waits(number_id: int, retries: int, *, now: datetime) -> list[float]:
    """Take so many retries out of the number's budget: how long each waits beyond its own delay,
    in seconds, not falling."""
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
