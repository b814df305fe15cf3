"""The pool for display: each number's state, rate, limits, breaker and retry budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import timezone

from phonepool.models import Breaker, NumberState, PhoneNumber, Quality
from phonepool.numbers import health

_STATE_LEVELS = {
    NumberState.ACTIVE: "good",
    NumberState.STANDBY: "open",
    NumberState.RESTING: "open",
    NumberState.DISABLED: "bad",
}
_QUALITY_LEVELS = {Quality.HIGH: "good", Quality.MEDIUM: "open", Quality.UNKNOWN: "open"}


@dataclass(frozen=True, slots=True)
class NumberStatus:
    """One number at one moment."""

    number: PhoneNumber
    level: str  # of its state: good, open or bad
    quality_level: str
    state: str  # a sentence
    rate_used: float | None  # recent messages per second; None: not measured
    rate_now: float  # messages per second that it may send now
    rate_limit: int  # what Meta allows it
    today: int
    today_limit: int
    share: int  # per cent of all messages sent today
    breaker: str  # a sentence; empty if it is closed
    retries: str


def number_statuses(
    numbers: Iterable[PhoneNumber], *, now: datetime, used: Mapping[int, float] | None = None
) -> list[NumberStatus]:
    """The status of each number; `used`: measured messages per second by primary key."""
    listed = list(numbers)
    total = sum(health.sent_today(number, now) for number in listed)
    return [_number_status(number, total, now, (used or {}).get(number.pk)) for number in listed]


def _number_status(
    number: PhoneNumber, total: int, now: datetime, used: float | None
) -> NumberStatus:
    today = health.sent_today(number, now)
    return NumberStatus(
        number=number,
        level=_STATE_LEVELS[NumberState(number.state)],
        quality_level=_QUALITY_LEVELS.get(Quality(number.quality), "bad"),
        state=state_sentence(number),
        rate_used=used,
        rate_now=health.rate(number, now),
        rate_limit=number.rate_per_second,
        today=today,
        today_limit=health.daily_ceiling(number),
        share=round(100 * today / total) if total else 0,
        breaker=breaker_sentence(number, now),
        retries=f"{number.retry_credit:.0f} left in the budget",
    )


def state_sentence(number: PhoneNumber) -> str:
    """The state, its end and its reason."""
    sentence = str(NumberState(number.state)).capitalize()
    if number.state == NumberState.RESTING and number.rest_until:
        sentence += f" until {_time_of_day(number.rest_until)}"
    return f"{sentence} ({number.state_reason})" if number.state_reason else sentence


def breaker_sentence(number: PhoneNumber, now: datetime) -> str:
    """What the breaker does; empty if it is closed."""
    if number.breaker == Breaker.CLOSED:
        return ""
    if number.breaker == Breaker.HALF_OPEN:
        return "One message is on trial"
    trial = datetime.fromtimestamp(number.breaker_until, UTC)
    when = f"at {_time_of_day(trial)}" if trial > now else "with the next message"
    return f"Left alone after faults; tried again {when}"


def _time_of_day(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%H:%M:%S %Z}"
