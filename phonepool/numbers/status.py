"""The pool for display: each number's state, rate, limits, breaker and retry budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from phonepool.models import Breaker, NumberState, PhoneNumber, Quality, RampCause
from phonepool.numbers import health, ramp_rule, return_rule

_STATE_LEVELS = {
    NumberState.ACTIVE: "good",
    NumberState.STANDBY: "open",
    NumberState.RESTING: "open",
    NumberState.DISABLED: "bad",
}
_STATE_WORDS = {
    NumberState.ACTIVE: gettext_lazy("Active"),
    NumberState.STANDBY: gettext_lazy("Standby"),
    NumberState.RESTING: gettext_lazy("Paused"),
    NumberState.DISABLED: gettext_lazy("Disabled"),
}
_QUALITY_LEVELS = {Quality.HIGH: "good", Quality.MEDIUM: "open", Quality.UNKNOWN: "open"}


@dataclass(frozen=True, slots=True)
class NumberStatus:
    """One number at one moment."""

    number: PhoneNumber
    level: str  # of its state: good, open or bad
    quality_level: str
    quality: str
    state: str  # a sentence
    rate_used: float | None  # recent messages per second; None: not measured
    rate_now: float  # messages per second that it may send now
    rate_limit: int  # what Meta allows it
    today: int
    today_limit: int
    share: int  # per cent of all messages sent today
    breaker: str  # a sentence; empty if it is closed
    retries: str
    ramp: str  # why it may use only a part of its speed; empty: it may use all

    @property
    def speed(self) -> str:
        """Recent messages per second against the limit."""
        if self.number.verified_at is None:
            return "–"
        facts = {"used": round(self.rate_used or 0), "now": round(self.rate_now)}
        words = _("%(used)s/s now · limit %(limit)s/s") % {**facts, "limit": self.rate_limit}
        slowed = self.rate_now < self.rate_limit
        return words + (_(" · slowed to %(now)s/s") % facts if slowed else "")


def number_statuses(
    numbers: Iterable[PhoneNumber], *, now: datetime, used: Mapping[int, float] | None = None
) -> list[NumberStatus]:
    """The status of each number; `used`: measured messages per second by primary key."""
    listed = list(numbers)
    total = sum(health.sent_today(number, now) for number in listed)
    parts = _parts(listed, now)
    return [
        _number_status(number, total, now, (used or {}).get(number.pk), parts.get(number.pk))
        for number in listed
    ]


def _parts(numbers: Sequence[PhoneNumber], now: datetime) -> Mapping[int, float]:
    """Which of them are reduced: that depends on the others, too."""
    if not any(ramp_sentence(number, now) for number in numbers):
        return {}
    return health.reduced(PhoneNumber.objects.usable(), now)


def _number_status(
    number: PhoneNumber, total: int, now: datetime, used: float | None, part: float | None
) -> NumberStatus:
    today = health.sent_today(number, now)
    verified = number.verified_at is not None
    return NumberStatus(
        number=number,
        level=_STATE_LEVELS[NumberState(number.state)] if verified else "bad",
        quality_level=_QUALITY_LEVELS.get(Quality(number.quality), "bad") if verified else "open",
        quality=quality_words(number),
        state=state_sentence(number),
        rate_used=used,
        rate_now=health.effective(health.rate(number, now), part) if verified else 0.0,
        rate_limit=number.rate_per_second,
        today=today,
        today_limit=health.daily_ceiling(number),
        share=round(100 * today / total) if total else 0,
        breaker=breaker_sentence(number, now),
        retries=_retries(number),
        ramp=_ramp(number, part, now),
    )


def state_sentence(number: PhoneNumber) -> str:
    """The state, its end and its reason; of a number that Meta does not know, that."""
    sentence = str(_STATE_WORDS[NumberState(number.state)])
    if number.state == NumberState.RESTING and number.rest_until:
        until = _time_of_day(number.rest_until)
        sentence = _("Paused until %(time)s") % {"time": until}
    if number.verified_at is None:
        if number.state != NumberState.DISABLED:
            return _("Not verified")
        sentence = _("Disabled, not verified")
    return f"{sentence} ({number.state_reason})" if number.state_reason else sentence


def quality_words(number: PhoneNumber) -> str:
    """Meta's rating; none of a number that Meta does not know."""
    return "–" if number.verified_at is None else str(number.get_quality_display())


def name(number: PhoneNumber) -> str:
    """Its label, and the number that recipients see."""
    shown = number.display_number
    return f"{number.label} ({shown})" if shown else number.label


def _retries(number: PhoneNumber) -> str:
    """How many retries it has earned, or how many wait for more."""
    credit = round(number.retry_credit)
    if credit < 0:
        return _("%(count)s waiting for budget") % {"count": f"{-credit:,}"}
    if not number.retry_at:
        return _("None used")
    return _("%(count)s available") % {"count": f"{credit:,}"}


def _ramp(number: PhoneNumber, part: float | None, now: datetime) -> str:
    sentence = ramp_sentence(number, now)
    if sentence and part is None and number.is_usable:
        return _("%(ramp)s (waived: no other number can take the rest)") % {"ramp": sentence}
    return sentence


def ramp_sentence(number: PhoneNumber, now: datetime) -> str:
    """The part of its speed that a number may use, and why; empty: all of it."""
    share = return_rule.share(number, now.timestamp())
    if share < number.ramp:
        return _("Returning: %(share)s%% of its speed") % {"share": share}
    if number.ramp == ramp_rule.FULL:
        return ""
    words = _("Quality fell: %(share)s%% of its speed")
    if number.ramp_cause == RampCause.NEW:
        words = _("Warming up: %(share)s%% of its speed")
    return words % {"share": number.ramp}


def breaker_sentence(number: PhoneNumber, now: datetime) -> str:
    """What the breaker does; empty if it is closed."""
    if number.breaker == Breaker.CLOSED:
        return ""
    if number.breaker == Breaker.HALF_OPEN:
        return _("Testing with one message")
    trial = datetime.fromtimestamp(number.breaker_until, UTC)
    if trial <= now:
        return _("Stopped after failed calls. Tries again with the next message.")
    return _("Stopped after failed calls. Tries again at %(time)s.") % {"time": _time_of_day(trial)}


def _time_of_day(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%H:%M:%S %Z}"
