"""Answers kept in this process's memory, each with a stamp of what it was made of.

Who asks brings the stamp of now, one small query: another stamp means another answer, so nothing
stale is ever told, in whatever process the change was made, and no writer pays for it. Only doors
that read may use it; what sends or decides asks the tables. It needs no Redis.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Kept(Generic[Answer]):
    """Up to `most` answers, each for `seconds` at most; those asked for longest ago go first."""

    def __init__(
        self, *, seconds: float, most: int = 200, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._most, self._clock = seconds, most, clock
        self._lock = Lock()
        self._answers: OrderedDict[Hashable, tuple[Hashable, float, Answer]] = OrderedDict()

    def answer(self, key: Hashable, *, stamp: Hashable, make: Callable[[], Answer]) -> Answer:
        """The kept answer to `key` if it has this stamp, else what `make` says now.

        The stamp must be asked for before `make` reads: what changes between is then read
        twice, never missed.
        """
        now = self._clock()
        with self._lock:
            known = self._answers.get(key)
            if known is not None and known[0] == stamp and now < known[1]:
                self._answers.move_to_end(key)
                return known[2]
        made = make()
        with self._lock:
            self._answers[key] = (stamp, now + self._seconds, made)
            self._answers.move_to_end(key)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return made

    def forget(self) -> None:
        with self._lock:
            self._answers.clear()
