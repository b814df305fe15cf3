"""What people do to numbers: rest, take out, put back, promote. Each with a reason and a name.

Each step is one UPDATE that names the state it leaves, so a click that comes too late, or
twice, changes nothing and says so.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from phonepool.models import NumberState, PhoneNumber, Quality, Role
from phonepool.numbers import health

MAX_REST_MINUTES = 24 * 60  # minutes


class OperationRefused(Exception):  # noqa: N818  # the word the page uses
    """It cannot be done now; the message says why and what to do."""


def rest(number_id: int, minutes: int, *, reason: str, by: str, now: datetime) -> None:
    """Leave an active number alone for so many minutes; then it goes back to work by itself."""
    if not 1 <= minutes <= MAX_REST_MINUTES:
        raise OperationRefused(f"A rest lasts 1 to {MAX_REST_MINUTES:,} minutes.")
    until = now + timedelta(minutes=minutes)
    cause = _reason_with_user(by, reason)
    _move(
        number_id,
        {NumberState.ACTIVE, NumberState.RESTING},
        "Only a number that is active can rest.",
        state=NumberState.RESTING,
        state_reason=cause,
        rest_until=until,
    )
    health.record_event(
        number_id, "resting", f"{_reason_with_user(by, reason)} until {until:%H:%M:%S} UTC", now
    )


def disable(number_id: int, *, reason: str, by: str, now: datetime) -> None:
    """Out of the pool until somebody enables it."""
    if not health.disable(number_id, _reason_with_user(by, reason), now=now):
        raise OperationRefused("This number is disabled already.")


def enable(number_id: int, *, reason: str, by: str, now: datetime) -> None:
    """Back into the pool: a primary to work, a backup to its place on the bench."""
    number = PhoneNumber.objects.get(pk=number_id)
    _refuse_flagged(number)
    home = NumberState.STANDBY if number.role == Role.BACKUP else NumberState.ACTIVE
    _move(
        number_id,
        {NumberState.DISABLED, NumberState.RESTING},
        "This number is in the pool already.",
        state=home,
        state_reason="",
        rest_until=None,
        failures=0,
    )
    health.record_event(number_id, "enabled", _reason_with_user(by, reason), now)


def promote(number_id: int, *, reason: str, by: str, now: datetime) -> None:
    """A backup becomes a primary and goes to work at once, today and every day."""
    number = PhoneNumber.objects.get(pk=number_id)
    _refuse_flagged(number)
    moved = PhoneNumber.objects.filter(
        pk=number_id, role=Role.BACKUP, state__in=[NumberState.STANDBY, NumberState.ACTIVE]
    ).update(role=Role.PRIMARY, state=NumberState.ACTIVE, state_reason="", rest_until=None)
    if not moved:
        raise OperationRefused("Only a backup that stands by can be promoted: enable it first.")
    health.record_event(number_id, "promoted", _reason_with_user(by, reason), now)


def demote(number_id: int, *, reason: str, by: str, now: datetime) -> None:
    """A primary becomes a backup that stands by; never the last one that works."""
    others = PhoneNumber.objects.usable().filter(role=Role.PRIMARY).exclude(pk=number_id)
    if not others.exists():
        raise OperationRefused("This is the last primary that works: promote a backup first.")
    moved = PhoneNumber.objects.filter(
        pk=number_id, role=Role.PRIMARY, state=NumberState.ACTIVE
    ).update(role=Role.BACKUP, state=NumberState.STANDBY, state_reason="")
    if not moved:
        raise OperationRefused("Only an active primary can become a backup.")
    health.record_event(number_id, "demoted", _reason_with_user(by, reason), now)


def _move(number_id: int, left: Collection[NumberState], otherwise: str, **fields: object) -> None:
    number = PhoneNumber.objects.filter(pk=number_id, state__in=left)
    if not number.update(**fields):
        raise OperationRefused(otherwise)


def _refuse_flagged(number: PhoneNumber) -> None:
    if number.quality == Quality.FLAGGED:
        raise OperationRefused(
            "Meta has flagged this number: it comes back by itself when Meta lifts that."
        )


def _reason_with_user(by: str, reason: str) -> str:
    """Who and why; never mistaken for the pool's own reasons."""
    return f"{by}: {reason}"[:80]
