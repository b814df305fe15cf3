"""Whether any phone number can send, and whether one loss would end that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Distribution
from distribution.models.distributions import UNOPENED
from phonepool.models import Breaker, NumberState, PhoneNumber

LAST_CHANCE = timedelta(hours=1)  # before a distribution, in which a number can still be added


def refresh(rows: Iterable[PhoneNumber], *, now: datetime) -> None:
    """Raise or close both alerts. An installation without numbers is not set up yet: its checks
    say so; one with a single number knows that it has no other."""
    numbers = list(rows)
    able = [number for number in numbers if _can_carry(number)]
    if numbers and not able:
        incidents.raise_alert(AlertRule.NO_NUMBER_AVAILABLE, message=_none(numbers), now=now)
    else:
        incidents.close_alert(AlertRule.NO_NUMBER_AVAILABLE, now=now)
    if len(numbers) > 1 and len(able) == 1 and _matters(now):
        incidents.raise_alert(
            AlertRule.LAST_NUMBER,
            message=f"{able[0]} is the only one of {len(numbers)} phone numbers that can send.",
            now=now,
        )
    else:
        incidents.close_alert(AlertRule.LAST_NUMBER, now=now)


def _can_carry(number: PhoneNumber) -> bool:
    return number.can_send and number.breaker != Breaker.OPEN


def _none(numbers: Sequence[PhoneNumber]) -> str:
    """Why not, number by number."""
    listed = "; ".join(f"{number}: {_why(number)}" for number in numbers[:5])
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    return f"None of {len(numbers)} phone numbers can send ({listed}{more})."


def _why(number: PhoneNumber) -> str:
    if number.verified_at is None:
        return "not verified at Meta"
    if number.state in (NumberState.RESTING, NumberState.DISABLED):
        word = NumberState(number.state).label.lower()
        return f"{word}, {number.state_reason}" if number.state_reason else word
    if number.breaker == Breaker.OPEN:
        return "calls fail"
    return "flagged"


def _matters(now: datetime) -> bool:
    """A distribution runs, or begins soon."""
    coming = Distribution.objects.filter(
        state__in=UNOPENED,
        planned_at__lte=now + LAST_CHANCE,
        planned_at__gt=now - timedelta(seconds=settings.MAX_START_LATENESS_SECONDS),
    )
    return Distribution.objects.running().exists() or coming.exists()
