"""Until when this process may send from a phone number: asked before each write."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

Clock = Callable[[], float]

# Runs on while the process, or the whole machine, is suspended; steps of the wall clock leave it
# alone. Where there is none (macOS), that of the process alone.
boot_clock: Clock = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)


class Lease:
    """One number's lease, shared by all its messages in this process, however long they wait."""

    __slots__ = ("clock", "deadline")

    def __init__(self, deadline: float, clock: Clock = boot_clock) -> None:
        self.deadline, self.clock = deadline, clock

    def left(self) -> float:
        """The seconds for which it is still valid; negative: it is over."""
        return self.deadline - self.clock()

    @property
    def is_over(self) -> bool:
        return self.clock() >= self.deadline


# Of messages that need none: a test send in a slot that every sender leaves free.
NO_LEASE = Lease(float("inf"))
