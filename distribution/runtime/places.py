"""How many requests may wait for the database at once, so that a frozen one leaves threads free.

A web process has eight threads, the receiver 32. No timeout of ours ends a call to a frozen
database, so requests that need it would soon hold all of them, and health, metrics and the others
would wait behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition

from django.conf import settings

FREE_THREADS = 2  # of a process, for those who do not wait for the database


class Full(Exception):  # noqa: N818 - an answer, not an error of ours
    """Enough requests wait for the database already, and it does not answer."""


def at_most() -> int:
    """How many requests of this process may wait for the database at once."""
    return max(1, settings.WEB_THREADS - FREE_THREADS)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many at once, and after how many seconds a request counts as one that waits long."""

    places: int
    long_seconds: float
    of: Callable[[Collection[float]], float] = min  # refuse once the first waits long; max: all do

    def has_place(self, began: Collection[float], *, is_silent: bool) -> bool:
        """Whether one more may begin, beside those that began at these moments.

        `is_silent`: the last one that ended had waited long and in vain. Then one at a time tries.
        """
        return len(began) < (1 if is_silent else self.places)

    def patience(self, began: Collection[float], *, is_silent: bool, now: float) -> float:
        """For how many seconds one more may wait until one of these ends.

        While they are quick it may, so that a crowd is never refused.
        """
        return 0.0 if is_silent else max(0.0, self.of(began) + self.long_seconds - now)


@dataclass(slots=True)
class Places:
    """The places of a process."""

    limit: Limit
    clock: Callable[[], float] = time.monotonic
    _began: list[float] = field(default_factory=list)
    _is_silent: bool = False
    _changed: Condition = field(default_factory=Condition)

    @contextmanager
    def take(self) -> Iterator[None]:
        """A place for the `with` block, or Full. If the block raises, the wait was in vain."""
        began = self._begin()
        is_done = False
        try:
            yield
            is_done = True
        finally:
            self._end(began, is_done=is_done)

    def _begin(self) -> float:
        with self._changed:
            while not self.limit.has_place(self._began, is_silent=self._is_silent):
                patience = self.limit.patience(
                    self._began, is_silent=self._is_silent, now=self.clock()
                )
                if not patience:
                    raise Full
                self._changed.wait(patience)
            began = self.clock()
            self._began.append(began)
            return began

    def _end(self, began: float, *, is_done: bool) -> None:
        with self._changed:
            self._began.remove(began)
            self._is_silent = not is_done and self.clock() - began >= self.limit.long_seconds
            self._changed.notify()
