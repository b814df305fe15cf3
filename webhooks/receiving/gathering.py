"""What several threads want done at the same moment is done once for all of them.

The first that comes begins at once, alone. Whoever comes meanwhile waits, and then one of those
does it for all that wait. So nobody who is alone waits for others, and the more there are, the
larger the groups.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Place(Generic[Item, Result]):
    """One item, and what became of it."""

    __slots__ = ("error", "group", "item", "result", "turn")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.group: list[_Place[Item, Result]] = []  # that its thread is to do; empty: it is done
        self.turn = Lock()  # held until the thread may go on
        self.turn.acquire()
        self.result: Result
        self.error: Exception | None = RuntimeError("whoever did it for all was stopped")


class Gatherer(Generic[Item, Result]):
    """Runs `work`, which takes items and returns a result for each, for one group at a time."""

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result]], *, limit: int) -> None:
        self._work, self._limit = work, limit
        self._lock = Lock()
        self._is_busy = False
        self._waiting: list[_Place[Item, Result]] = []

    def submit(self, item: Item) -> Result:
        """The result of this item, once its group is done. An error is everybody's in the group."""
        place: _Place[Item, Result] = _Place(item)
        with self._lock:
            must_wait, self._is_busy = self._is_busy, True
            if must_wait:
                self._waiting.append(place)
            else:
                place.group = [place]
        if must_wait:
            place.turn.acquire()
        if place.group:
            self._do(place.group)
        if place.error is not None:
            raise place.error
        return place.result

    def _do(self, group: Sequence[_Place[Item, Result]]) -> None:
        """Do a group's work; its first place is this thread's."""
        try:
            results = self._work([place.item for place in group])
            for place, result in zip(group, results, strict=True):
                place.result, place.error = result, None
        except Exception as error:
            for place in group:
                place.error = error
        finally:
            self._hand_over()
            for place in group[1:]:
                place.turn.release()

    def _hand_over(self) -> None:
        """Let the first that waits go on, for as many as may be done together."""
        with self._lock:
            group, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
            self._is_busy = bool(group)
        if group:
            group[0].group = group
            group[0].turn.release()
