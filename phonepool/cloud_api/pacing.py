"""When each message may start: pure calculations on times that callers pass in.

A phone number never sends more than its limit in any second, however late or bunched the threads
run. Two stages ensure this: the `Pacer` releases messages in the order of their slots, a little
early, so that a thread and a connection are ready in time; the `Gate` spaces the writes, because
connecting takes longer for some messages than for others.
All times are seconds of `time.monotonic`.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar


class Slotted(Protocol):
    """The fields of a message that the pacer needs."""

    @property
    def phone_number_id(self) -> str: ...
    @property
    def send_at(self) -> float: ...
    @property
    def spacing(self) -> float: ...


S = TypeVar("S", bound=Slotted)

HEAD_START_SECONDS = 0.01  # a message is released at least this long before its slot
GATHER_SECONDS = 0.03  # messages due within this time are released together: wake-ups cost CPU
# A number that is late may catch up in small bunches; the gate spaces them again.
BUNCH_SECONDS = 0.05


class Meter:
    """Lets one event pass each `spacing` seconds, the next up to `early` seconds too soon.

    Earliness does not accumulate: in any span of `t` seconds at most
    `(t + early) / spacing + 1` events pass.
    """

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due = float("-inf")

    def earliest(self, early: float) -> float:
        """The first moment at which an event may pass."""
        return self._due - early

    def take(self, now: float, spacing: float, early: float) -> float:
        """Lets one event pass at `now` or as soon as allowed; returns when that is."""
        at = max(now, self._due - early)
        self._due = max(at, self._due) + spacing
        return at


class _NumberQueue(Generic[S]):
    """The messages waiting for one phone number, by slot."""

    __slots__ = ("meter", "waiting")

    def __init__(self) -> None:
        self.waiting: list[tuple[float, int, S]] = []
        self.meter = Meter()

    def next_start(self) -> tuple[float, int]:
        send_at, place, _ = self.waiting[0]
        return max(send_at - HEAD_START_SECONDS, self.meter.earliest(BUNCH_SECONDS)), place


class Pacer(Generic[S]):
    """Releases messages as their slots come, within a number strictly by slot. Not thread-safe."""

    def __init__(self) -> None:
        self._lanes: dict[str, _NumberQueue[S]] = {}
        self._places = itertools.count()  # equal slots go in the order they were added

    def add(self, message: S) -> None:
        lane = self._lanes.setdefault(message.phone_number_id, _NumberQueue())
        heapq.heappush(lane.waiting, (message.send_at, next(self._places), message))

    def next_start(self) -> float | None:
        """When the next message is to be released; None: none is waiting."""
        lane = self._first()
        return lane.next_start()[0] if lane else None

    def pop(self, now: float) -> S | None:
        """A message that is due, or will be within GATHER_SECONDS; None: there is none."""
        lane = self._first()
        if lane is None or (start := lane.next_start()[0]) > now + GATHER_SECONDS:
            return None
        message = heapq.heappop(lane.waiting)[2]
        lane.meter.take(max(start, now), message.spacing, BUNCH_SECONDS)
        return message

    def late_by(self, phone_number_id: str, now: float) -> float:
        """Seconds by which the first message that waits for this number is late; 0.0: none is."""
        lane = self._lanes.get(phone_number_id)
        return max(0.0, now - lane.waiting[0][0]) if lane and lane.waiting else 0.0

    def withdraw(self, unwanted: Callable[[S], bool]) -> list[S]:
        """Removes and returns all messages that are `unwanted`."""
        taken: list[S] = []
        for lane in self._lanes.values():
            kept = []
            for entry in lane.waiting:
                if unwanted(entry[2]):
                    taken.append(entry[2])
                else:
                    kept.append(entry)
            lane.waiting = kept
            heapq.heapify(kept)
        return taken

    def _first(self) -> _NumberQueue[S] | None:
        busy: Iterable[_NumberQueue[S]] = (lane for lane in self._lanes.values() if lane.waiting)
        return min(busy, key=_NumberQueue.next_start, default=None)


class Window:
    """Limits the events in any second, counted when they happen."""

    __slots__ = ("_past",)

    def __init__(self) -> None:
        self._past: deque[float] = deque()

    def enter(self, now: float, most: int) -> float:
        """0.0 if an event may happen now (it is counted), else the seconds until one may."""
        past = self._past
        while past and past[0] <= now - 1.0:
            past.popleft()
        if len(past) >= most and (wait := past[-most] + 1.0 - now) > 0:
            return wait
        past.append(now)
        return 0.0


class Gate:
    """Spaces the writes of each phone number over all threads of the process.

    A thread takes its turn in advance and sleeps until then. On a busy machine some wake late,
    together with those whose turn is next, so the writes themselves are counted, too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._meters: dict[str, Meter] = {}
        self._windows: defaultdict[str, Window] = defaultdict(Window)

    def pass_at(self, phone_number_id: str, spacing: float, now: float) -> float:
        """Takes this number's next turn: the moment of the write."""
        with self._lock:
            meter = self._meters.get(phone_number_id)
            if meter is None:
                meter = self._meters[phone_number_id] = Meter()
            # Half a spacing early at most: a second then holds the limit and one message,
            # and a thread that woke a little late does not cost the number a slot.
            return meter.take(now, spacing, spacing / 2)

    def enter(self, phone_number_id: str, spacing: float, now: float) -> float:
        """0.0: write now, it is counted. Else the seconds after which to call again."""
        if spacing <= 0:  # no limit
            return 0.0
        most = max(1, int(1 / spacing))
        with self._lock:
            return self._windows[phone_number_id].enter(now, most)
