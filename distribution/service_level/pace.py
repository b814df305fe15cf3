"""Whether a distribution moves fast enough for its service level: rules R0 to R3, pure.

The rules look at what was accepted second by second, never at the speed the pool would allow: a
distribution that has stopped at 10 s of 300 is told by 27 s, not when time has run out. R2 asks two
windows, a long one that keeps jitter out and a short one that ends the alert soon after recovery.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

FIRST_LOOK = 10  # seconds of sending before anything is judged but the pool's capacity
SHORT, LONG = 5, 15  # seconds: the windows of R2
QUIET = 8  # seconds without an acceptance are a stall …
QUIET_ANSWERS = 3  # … or this many times a slow answer of lately, if that is longer
CLEAR_AFTER = 10  # seconds without a finding before the alert closes
HISTORY = LONG + CLEAR_AFTER  # seconds of the series that `judge` needs
MARGIN = 1.0  # seconds: what is sent in the last one is accepted too late


class Finding(StrEnum):
    """Why the service level is at risk."""

    NOT_BEGUN = "not_begun"  # R0: it is open and not one message has left
    CAPACITY = "capacity"  # R1: the pool cannot send as fast as is needed from now on
    SLOW = "slow"  # R2: both windows are slower than what is needed
    STALLED = "stalled"  # R3: there is something to send and nothing is accepted


@dataclass(frozen=True, slots=True)
class Pace:
    """A distribution at one moment. Times in seconds, rates in messages per second."""

    # Since sending began or was resumed, or since the first of what can be sent now became due: one
    # message that comes back for another try has waited for nothing yet.
    sending: float
    left: float  # until the window ends
    owed_now: int  # still to be accepted for the target, of what can be sent now
    capacity: float  # of the usable numbers
    per_second: Sequence[int]  # accepted in each whole second, the latest last; HISTORY of them
    slow_answer: float  # seconds, of what was accepted lately
    begun: bool = True  # at least one message was sent
    due: int = 0  # people who wait for nothing but a process or a number …
    oldest_due: float = 0.0  # … and for how many seconds the first of them has waited

    @property
    def needed(self) -> float:
        """Messages per second from now on."""
        return self.owed_now / max(MARGIN, self.left - MARGIN)

    def achieved(self, seconds: int, *, ago: int = 0) -> float:
        end = len(self.per_second) - ago
        return sum(self.per_second[max(0, end - seconds) : end]) / seconds


def judge(pace: Pace) -> Finding | None:
    """What is wrong, or was within the last CLEAR_AFTER seconds, so that alerts do not flap."""
    if pace.owed_now <= 0 or pace.left <= 0:
        return None
    if not pace.begun and pace.sending >= FIRST_LOOK:
        return Finding.NOT_BEGUN
    if pace.needed > pace.capacity:
        return Finding.CAPACITY
    spans = range(1 + min(CLEAR_AFTER, math.floor(max(0.0, pace.sending - FIRST_LOOK))))
    findings = (_at(pace, ago) for ago in spans) if pace.sending >= FIRST_LOOK else ()
    return next((finding for finding in findings if finding), None)


def _at(pace: Pace, ago: int) -> Finding | None:
    sending = pace.sending - ago
    quiet = max(QUIET, math.ceil(QUIET_ANSWERS * pace.slow_answer))
    if sending >= quiet and not pace.achieved(min(quiet, len(pace.per_second) - ago), ago=ago):
        return Finding.STALLED
    # Before LONG seconds have passed, the long window is what there is.
    windows = (SHORT, min(LONG, math.floor(sending)))
    if all(pace.achieved(seconds, ago=ago) < pace.needed for seconds in windows):
        return Finding.SLOW
    return None
