"""How much of its speed a number may use, from morning to morning: pure.

A new number is warmed up: Meta watches numbers that begin with many messages. One whose quality
fell comes back more slowly than within a run. `distribution/engine/number_ramps.py` looks at the
mornings.
"""

from __future__ import annotations

from dataclasses import dataclass

from phonepool.models import Quality, RampCause

NEW_STEPS = (2, 5, 10, 25, 50, 100)  # per cent of the number's speed
FALL_STEPS = (25, 50, 100)
FULL = 100
SENT_SHARE = 0.5  # of its part of a morning that a number must have sent
_RANKS: dict[str, int] = {
    Quality.FLAGGED: 0,
    Quality.LOW: 1,
    Quality.MEDIUM: 2,
    Quality.HIGH: 3,
}


@dataclass(frozen=True, slots=True)
class Morning:
    """What one number did in one daily distribution."""

    sent: int
    expected: float  # messages, by its part of the speed of all that sent
    refusals: int  # that were about the number

    @property
    def objection(self) -> str:
        """Why it was not clean; '' if it was."""
        if self.refusals:
            return f"refused {self.refusals} times"
        if self.sent < max(1.0, SENT_SHARE * self.expected):
            return f"sent {self.sent} of {self.expected:.0f} messages"
        return ""


@dataclass(frozen=True, slots=True)
class Ramp:
    """Per cent of its speed that a number may use, and why not all."""

    share: int
    cause: RampCause


def after(ramp: Ramp, morning: Morning) -> Ramp:
    """The ramp of the next morning: one step up after a clean one."""
    if morning.objection or ramp.share >= FULL:
        return ramp
    steps = NEW_STEPS if ramp.cause == RampCause.NEW else FALL_STEPS
    share = next(step for step in steps if step > ramp.share)
    return Ramp(share, RampCause.NONE if share == FULL else ramp.cause)


def after_fall(ramp: Ramp) -> Ramp:
    """The ramp of the morning after the quality fell; a new number stays one that is warmed up."""
    cause = RampCause.NEW if ramp.cause == RampCause.NEW else RampCause.QUALITY
    return Ramp(min(ramp.share, FALL_STEPS[0]), cause)


def has_fallen(before: str, after: str) -> bool:
    """Whether the quality became worse. An unknown one is as good as MEDIUM, and no verdict."""
    return after in _RANKS and _RANKS[after] < _RANKS.get(before, _RANKS[Quality.MEDIUM])
