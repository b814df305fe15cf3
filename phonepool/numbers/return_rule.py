"""How a number comes back within a run: pure.

After a rest, after its breaker was open, or when Meta lifts a flag or a LOW rating, it begins with
a hundredth of its speed and earns the rest in steps. `ramps.py` carries the decisions out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto

from django.utils import timezone

from phonepool.models import PhoneNumber

STEPS = (1, 5, 25, 50, 100)  # per cent of the number's speed
STEP_SECONDS = 15.0  # at the least between two steps up
FIRST_ANSWERS, ANSWERS = 5, 20  # that the first step, and each other one, takes
FAULT_SHARE = 0.02  # of the answers may be faults of the way to Meta
HOLD_SECONDS = 60.0  # without a step up after a step back
MAX_DROPS = 2  # a day; the next one takes the number out until tomorrow
# Not used for this long: nothing is learnt any more, and what it was held back for is past.
FORGOTTEN_SECONDS = 600.0


class Act(Enum):
    STAY = auto()
    RISE = auto()
    DROP = auto()
    OUT = auto()  # it must rest


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a number is: its step, since when, and what came of the messages since."""

    share: int
    since: float  # Unix seconds
    answers: int = 0
    faults: int = 0
    not_before: float = 0.0  # no step up before this
    drops: int = 0  # of the day


@dataclass(frozen=True, slots=True)
class Decision:
    act: Act
    share: int
    not_before: float = 0.0
    drops: int = 0


def decide(progress: Progress, *, refused: bool, now: float) -> Decision:
    """What follows; `refused`: the number itself was refused since the last step."""
    place = STEPS.index(progress.share)
    if refused and progress.drops >= MAX_DROPS:
        return Decision(Act.OUT, STEPS[0], drops=progress.drops)
    if refused:
        lower = STEPS[max(0, place - 1)]
        return Decision(Act.DROP, lower, now + HOLD_SECONDS, progress.drops + 1)
    if not _has_earned_a_step(progress, now):
        return Decision(Act.STAY, progress.share, progress.not_before, progress.drops)
    return Decision(Act.RISE, STEPS[place + 1], drops=progress.drops)


def _has_earned_a_step(progress: Progress, now: float) -> bool:
    needed = FIRST_ANSWERS if progress.share == STEPS[0] else ANSWERS
    return (
        progress.share < STEPS[-1]
        and now >= max(progress.since + STEP_SECONDS, progress.not_before)
        and progress.answers >= needed
        and progress.faults <= FAULT_SHARE * progress.answers
    )


def share(number: PhoneNumber, now: float) -> int:
    """Per cent of its speed that a number may use."""
    forgotten = abs(now - number.return_at) > FORGOTTEN_SECONDS
    return STEPS[-1] if forgotten else number.return_share


def beginning(number: PhoneNumber, now: datetime) -> dict[str, float]:
    """The columns of a number that comes back now. Twice on a day is a step back, too."""
    again = _returned_today(number, now)
    return {
        "return_share": STEPS[0],
        "return_at": now.timestamp(),
        "return_answers": 0,
        "return_faults": 0,
        "return_not_before": 0.0,
        "return_drops": number.return_drops + 1 if again else 0,
    }


OVER: dict[str, float] = {"return_share": STEPS[-1], "return_at": 0.0, "return_drops": 0}


def is_unsteady(number: PhoneNumber, now: datetime) -> bool:
    """Whether it has been taken back as often as a day allows."""
    return _returned_today(number, now) and number.return_drops >= MAX_DROPS


def _returned_today(number: PhoneNumber, now: datetime) -> bool:
    returned = datetime.fromtimestamp(number.return_at, UTC)
    return timezone.localdate(returned) == timezone.localdate(now)
