"""How many webhooks may wait for the database at once, so that a frozen one leaves threads free.

Each POST holds a request thread until it is stored: milliseconds, however many come. When the
database does not answer, Meta's POSTs would soon hold all threads, again and again, and health,
metrics and the page with the pause button would wait behind them. So a POST that finds others
waiting long is refused at once. Meta sends it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from threading import Condition

from distribution.runtime.background import PerProcess

PLACES = 6  # of the eight threads of a web process: two stay free for others
LONG_SECONDS = 0.5  # a page for Prometheus that came behind is to be there within one


class Full(Exception):  # noqa: N818 - an answer, not an error of ours
    """Enough webhooks wait for the database, and it does not answer."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The webhooks that are being stored, at a moment."""

    began: Collection[float]  # when each of them began
    is_silent: bool  # the last one that ended had waited long, and in vain

    @property
    def has_place(self) -> bool:
        """Whether one more may begin; a silent database is asked by one at a time."""
        return len(self.began) < (1 if self.is_silent else PLACES)

    def patience(self, now: float) -> float:
        """For how many seconds one more may wait for a place: until the first of them waits long.

        So a crowd that is stored quickly is never refused.
        """
        return 0.0 if self.is_silent else max(0.0, min(self.began) + LONG_SECONDS - now)


class Places:
    """The places of a process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: list[float] = []
        self._is_silent = False
        self._changed = Condition()

    @contextmanager
    def take(self) -> Iterator[None]:
        """A place while the `with` block stores a webhook, or Full."""
        began = self._begin()
        is_stored = False
        try:
            yield
            is_stored = True
        finally:
            self._end(began, is_stored=is_stored)

    def _begin(self) -> float:
        with self._changed:
            while not (waiting := Waiting(self._began, self._is_silent)).has_place:
                patience = waiting.patience(self._clock())
                if not patience:
                    raise Full
                self._changed.wait(patience)
            began = self._clock()
            self._began.append(began)
            return began

    def _end(self, began: float, *, is_stored: bool) -> None:
        with self._changed:
            self._began.remove(began)
            self._is_silent = not is_stored and self._clock() - began >= LONG_SECONDS
            self._changed.notify()


_places = PerProcess(Places)


def take() -> AbstractContextManager[None]:
    """A place of this process while the `with` block stores a webhook, or Full."""
    return _places.get().take()
