"""Operations by users on numbers: rest, disable, enable, promote, demote; with reason and name.

Each is one UPDATE that names the state it leaves, so that a second or late click changes nothing
and is refused.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from phonepool.models import NumberState, PhoneNumber, Quality, RampCause, Role
from phonepool.numbers import health, ramp_rule, return_rule

MAX_REST_MINUTES = 24 * 60  # minutes


class OperationRefused(Exception):  # noqa: N818  # the word the page uses
    """The operation is not possible now; the text says why and what to do."""


def rest(number_id: int, minutes: int, *, reason: str, by: str, now: datetime) -> None:
    """Rests an active number for `minutes`; then it becomes active again."""
    if not 1 <= minutes <= MAX_REST_MINUTES:
        raise OperationRefused(f"Pause a number for 1 to {MAX_REST_MINUTES:,} minutes.")
    until = now + timedelta(minutes=minutes)
    cause = _reason_with_user(by, reason)
    _move(
        number_id,
        {NumberState.ACTIVE, NumberState.RESTING},
        "Only an active number can be paused.",
        state=NumberState.RESTING,
        state_reason=cause,
        rest_until=until,
    )
    health.record_event(
        number_id, "resting", f"{_reason_with_user(by, reason)} until {health.clock(until)}", now
    )


def disable(number_id: int, *, reason: str, by: str, now: datetime) -> None:
    """Takes the number out of the pool until a user enables it."""
    if not health.disable(number_id, _reason_with_user(by, reason), now=now):
        raise OperationRefused("This number is already disabled.")


def enable(number_id: int, *, reason: str, by: str, now: datetime) -> None:
    """Puts the number back into the pool: a primary active, a backup on standby."""
    number = PhoneNumber.objects.get(pk=number_id)
    _refuse_flagged(number)
    state = NumberState.STANDBY if number.role == Role.BACKUP else NumberState.ACTIVE
    _move(
        number_id,
        {NumberState.DISABLED, NumberState.RESTING},
        "This number is already enabled.",
        state=state,
        state_reason="",
        rest_until=None,
        failures=0,
        **return_rule.OVER,
    )
    health.record_event(number_id, "enabled", _reason_with_user(by, reason), now)


def promote(number_id: int, *, reason: str, by: str, now: datetime) -> None:
    """Makes a backup an active primary, permanently."""
    number = PhoneNumber.objects.get(pk=number_id)
    _refuse_flagged(number)
    moved = PhoneNumber.objects.filter(
        pk=number_id, role=Role.BACKUP, state__in=[NumberState.STANDBY, NumberState.ACTIVE]
    ).update(role=Role.PRIMARY, state=NumberState.ACTIVE, state_reason="", rest_until=None)
    if not moved:
        raise OperationRefused("Only a backup on standby can be promoted. Enable it first.")
    health.record_event(number_id, "promoted", _reason_with_user(by, reason), now)


def demote(number_id: int, *, reason: str, by: str, now: datetime) -> None:
    """Makes a primary a backup on standby; refused for the last usable primary."""
    others = PhoneNumber.objects.usable().filter(role=Role.PRIMARY).exclude(pk=number_id)
    if not others.exists():
        raise OperationRefused("This is the only primary that can send. Promote a backup first.")
    moved = PhoneNumber.objects.filter(
        pk=number_id, role=Role.PRIMARY, state=NumberState.ACTIVE
    ).update(role=Role.BACKUP, state=NumberState.STANDBY, state_reason="")
    if not moved:
        raise OperationRefused("Only an active primary can become a backup.")
    health.record_event(number_id, "demoted", _reason_with_user(by, reason), now)


def skip_ramp(number_id: int, *, reason: str, by: str, now: datetime) -> None:
    """Lets a number use its whole speed at once, as one that sent elsewhere before may."""
    rows = PhoneNumber.objects.filter(pk=number_id, ramp__lt=ramp_rule.FULL)
    if not rows.update(ramp=ramp_rule.FULL, ramp_cause=RampCause.NONE, ramp_at=now):
        raise OperationRefused("This number already uses its whole speed.")
    health.record_event(number_id, "ramp", _reason_with_user(by, reason), now)


def _move(number_id: int, left: Collection[NumberState], otherwise: str, **fields: object) -> None:
    number = PhoneNumber.objects.filter(pk=number_id, state__in=left)
    if not number.update(**fields):
        raise OperationRefused(otherwise)


def _refuse_flagged(number: PhoneNumber) -> None:
    if number.quality == Quality.FLAGGED:
        raise OperationRefused(
            "Meta has flagged this number. It is enabled automatically when Meta lifts the flag."
        )


def _reason_with_user(by: str, reason: str) -> str:
    """User and reason, so that it is never confused with the pool's own reasons."""
    return f"{by}: {reason}"[:80]
