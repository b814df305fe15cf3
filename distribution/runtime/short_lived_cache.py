"""One reckoning for everybody who asks within moments of one another."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

Value = TypeVar("Value")

SHARE = 20  # it is shared for so many times what it took, so for a twentieth of a core at most,
STALE = 1.8  # but never longer than these seconds: the board asks every second
MOST = 100  # names in memory


class Shared(Generic[Value]):
    """The latest of each name, made by whoever first finds it too old; the others wait for it."""

    def __init__(self, *, fresh: float = 0.0) -> None:
        self._fresh = fresh  # seconds: it is shared that long at least
        self._lock = Lock()
        self._kept: dict[Hashable, tuple[float, Value]] = {}

    def get(self, name: Hashable, make: Callable[[], Value]) -> Value:
        """What was made of this name moments ago, or what `make` makes of it now."""
        with self._lock:
            began = monotonic()
            until, value = self._kept.get(name, (began, None))
            if value is not None and began < until:
                return value
            made = make()
            took = monotonic() - began
            if len(self._kept) >= MOST:
                self._kept.clear()
            self._kept[name] = (began + min(max(self._fresh, SHARE * took), STALE), made)
            return made

    def forget(self) -> None:
        """Whatever is asked for next is made anew."""
        with self._lock:
            self._kept.clear()
