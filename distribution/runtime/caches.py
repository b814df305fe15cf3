"""Two caches in a process's memory, for pages and API only: what sends or decides reads the tables.

Neither needs Redis, and no writer pays for them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

Value = TypeVar("Value")

COST_FACTOR = 20  # kept for 20 times what it took to make: a twentieth of a core at most,
MAX_AGE_SECONDS = 1.8  # but never longer than this: the dashboard asks every second
ENTRY_LIMIT = 100


class StampedCache(Generic[Value]):
    """Values keyed by a version stamp; a changed stamp misses, in whatever process the change was.

    The caller brings the current stamp, one small query. Up to `limit` values, each for `seconds`
    at most; the least recently used go first. Where `seconds` is 0, nothing is kept.
    """

    def __init__(
        self,
        *,
        seconds: float | Callable[[], float],
        limit: int = 200,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._seconds = seconds if callable(seconds) else lambda: seconds
        self._limit, self._clock = limit, clock
        self._lock = Lock()
        self._values: OrderedDict[Hashable, tuple[Hashable, float, Value]] = OrderedDict()

    def get(self, key: Hashable, *, stamp: Hashable, make: Callable[[], Value]) -> Value:
        """The cached value of `key` if it has this stamp, else what `make` returns now.

        Read the stamp before `make` reads: what changes in between is then read twice, never
        missed.
        """
        now = self._clock()
        with self._lock:
            known = self._values.get(key)
            if known is not None and known[0] == stamp and now < known[1]:
                self._values.move_to_end(key)
                return known[2]
        made = make()
        with self._lock:
            self._values[key] = (stamp, now + self._seconds(), made)
            self._values.move_to_end(key)
            while len(self._values) > self._limit:
                self._values.popitem(last=False)
        return made

    def clear(self) -> None:
        with self._lock:
            self._values.clear()


class ShortLivedCache(Generic[Value]):
    """The latest value of each key, made once for concurrent callers: the others wait for it."""

    def __init__(self, *, min_seconds: float = 0.0) -> None:
        self._min_seconds = min_seconds  # a value is kept that long at least
        self._lock = Lock()
        self._values: dict[Hashable, tuple[float, Value]] = {}

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of `key` made moments ago, or what `make` returns now."""
        with self._lock:
            began = monotonic()
            until, value = self._values.get(key, (began, None))
            if value is not None and began < until:
                return value
            made = make()
            took = monotonic() - began
            if len(self._values) >= ENTRY_LIMIT:
                self._values.clear()
            seconds = min(max(self._min_seconds, COST_FACTOR * took), MAX_AGE_SECONDS)
            self._values[key] = (began + seconds, made)
            return made

    def clear(self) -> None:
        """The next call of each key makes its value again."""
        with self._lock:
            self._values.clear()
