"""What several threads want done at the same moment is done once for all of them.

The first that comes begins at once, alone. Whoever comes meanwhile waits, and then one of those
does it for all that wait. So nobody who is alone waits for others, and the more there are, the
larger the groups. Nobody waits for others longer than it gave them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class TookTooLong(Exception):  # noqa: N818 - an outcome
    """Others were at work for too long. They may yet do this one's, too."""


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
    """Runs `work`, which takes items and returns a result for each, for one group at a time.

    Items are in the order in which they came, and the thread of the last one does the work: it can
    not leave it, and has waited least.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result]], *, limit: int) -> None:
        self._work, self._limit = work, limit
        self._lock = Lock()
        self._is_busy = False
        self._waiting: list[_Place[Item, Result]] = []

    def submit(self, item: Item, *, seconds: float) -> Result:
        """The result of this item, once its group is done. An error is everybody's in the group.

        Raises TookTooLong when others are still at work after so many seconds.
        """
        place: _Place[Item, Result] = _Place(item)
        with self._lock:
            must_wait, self._is_busy = self._is_busy, True
            if must_wait:
                self._waiting.append(place)
            else:
                place.group = [place]
        if must_wait and not place.turn.acquire(timeout=seconds) and self._has_left(place):
            raise TookTooLong
        if place.group:
            self._do(place)
        if place.error is not None:
            raise place.error
        return place.result

    def _has_left(self, place: _Place[Item, Result]) -> bool:
        """Give up a place, unless its turn has come this moment."""
        with self._lock:
            if place.turn.acquire(blocking=False):
                return False
            if place in self._waiting:  # else the work for its group is under way
                self._waiting.remove(place)
            return True

    def _do(self, own: _Place[Item, Result]) -> None:
        """Do the work for a place's group."""
        group, own.group = own.group, []  # it would hold itself
        try:
            results = self._work([place.item for place in group])
            for place, result in zip(group, results, strict=True):
                place.result, place.error = result, None
        except Exception as error:
            for place in group:
                place.error = error
        finally:
            self._hand_over()
            for place in group:
                if place is not own:
                    place.turn.release()

    def _hand_over(self) -> None:
        """Let the last that waits go on, for as many as may be done together."""
        with self._lock:
            group, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
            self._is_busy = bool(group)
            if group:
                group[-1].group = group
                group[-1].turn.release()
