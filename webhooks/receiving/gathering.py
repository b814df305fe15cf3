"""What several threads want done at the same moment is done once for all of them.

The first that comes begins at once, alone. Whoever comes meanwhile waits, and then one of those
does it for all that wait. In a crowd that one first pauses while more come. So nobody who is alone
waits for others, and the more there are, the larger the groups. Nobody waits for others longer
than it gave them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Generic, TypeVar

MORE = 2  # so many that came since the last look: more will
PAUSES = 5  # at most

Item = TypeVar("Item")
Result = TypeVar("Result")


class TookTooLong(Exception):  # noqa: N818 - an outcome
    """Others were at work for too long. They may yet do this one's, too."""


class _Place(Generic[Item, Result]):
    """One item, and what became of it."""

    __slots__ = ("error", "item", "leads", "result", "turn")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.leads = False  # its thread is to do the work for a group
        self.turn = Lock()  # held until the thread may go on
        self.turn.acquire()
        self.result: Result
        self.error: Exception | None = RuntimeError("whoever did it for all was stopped")


class Gatherer(Generic[Item, Result]):
    """Runs `work`, which takes items and returns a result for each, for one group at a time.

    The last of the items is that of the thread that does the work, which cannot leave it. `limit`:
    of a group. `pause`: seconds to wait for more in a crowd, until there are as many.
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Sequence[Result]], *, limit: int, pause: float
    ) -> None:
        self._work, self._others, self._pause = work, limit - 1, pause
        self._lock = Lock()
        self._is_busy = False
        self._waiting: list[_Place[Item, Result]] = []
        self._are_enough = Event()

    def submit(self, item: Item, *, seconds: float) -> Result:
        """The result of this item, once its group is done. An error is everybody's in the group.

        Raises TookTooLong when others are still at work after so many seconds.
        """
        place: _Place[Item, Result] = _Place(item)
        with self._lock:
            must_wait, self._is_busy = self._is_busy, True
            if must_wait:
                self._waiting.append(place)
                if len(self._waiting) == self._others:
                    self._are_enough.set()
        if must_wait and not place.turn.acquire(timeout=seconds) and self._has_left(place):
            raise TookTooLong
        if place.leads or not must_wait:
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

    def _gather(self) -> list[_Place[Item, Result]]:
        """Those that wait; of a crowd, those that wait once no more come, or enough."""
        seen = -1
        for _ in range(PAUSES):
            with self._lock:
                waiting = len(self._waiting)
                more = waiting - seen >= MORE and waiting < self._others
                if more:
                    self._are_enough.clear()
            if not more:
                break
            seen = waiting
            self._are_enough.wait(self._pause)
        with self._lock:
            group = self._waiting[: self._others]
            self._waiting = self._waiting[self._others :]
        return group

    def _do(self, own: _Place[Item, Result]) -> None:
        """Do the work for all that wait, and for this thread."""
        others: list[_Place[Item, Result]] = []
        try:
            others = self._gather() if own.leads else []
            group = [*others, own]
            results = self._work([place.item for place in group])
            for place, result in zip(group, results, strict=True):
                place.result, place.error = result, None
        except Exception as error:
            for place in (*others, own):
                place.error = error
        finally:
            self._hand_over()
            for place in others:
                place.turn.release()

    def _hand_over(self) -> None:
        """Let the last that waits go on: it has waited least."""
        with self._lock:
            self._is_busy = bool(self._waiting)
            if self._waiting:
                last = self._waiting.pop()
                last.leads = True
                last.turn.release()
