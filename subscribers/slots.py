"""Places for work that holds a thread of the web process for long: few in all, fewer each.

The web process has eight threads. Downloads and uploads hold one until the last byte, so they get
places of their own; the others stay free for health checks, pause and cancel. Each process counts
its own: threads are what runs out.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from threading import Lock

from subscribers.stalled_readers import limit_stalls

RETRY_SECONDS = 30  # what a refused caller is told to wait
DOWNLOAD_SECONDS = 900.0  # a million rows take two minutes; who reads slower asks again
# The server ends a broken answer like a whole one, so its last line says so.
INCOMPLETE = "INCOMPLETE: this download took longer than 15 minutes and was ended.\r\n"


class Busy(Exception):  # noqa: N818  # an answer, not an error of ours
    """No place is free; `by_caller`: the caller has all that one caller may have."""

    def __init__(self, *, by_caller: bool) -> None:
        self.by_caller = by_caller
        super().__init__(
            "You already have the maximum number of these running. Wait for one to finish."
            if by_caller
            else "The server is busy with these for others. Try again soon."
        )

    @property
    def status(self) -> int:
        """The HTTP status of the refusal."""
        return 429 if self.by_caller else 503

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(RETRY_SECONDS)}


class Slots:
    """`total` places, of which one caller has at most `each`."""

    def __init__(self, total: int, each: int) -> None:
        self._total, self._each = total, each
        self._lock = Lock()
        self._taken: Counter[str] = Counter()

    def take(self, caller: str) -> Slot:
        """A place for this caller, which it keeps until it is released; raises Busy."""
        with self._lock:
            if self._taken[caller] >= self._each:
                raise Busy(by_caller=True)
            if self._taken.total() >= self._total:
                raise Busy(by_caller=False)
            self._taken[caller] += 1
        return Slot(self, caller)

    def _release(self, caller: str) -> None:
        with self._lock:
            if self._taken[caller] > 1:
                self._taken[caller] -= 1
            else:
                del self._taken[caller]

    def taken(self) -> int:
        """How many places are taken."""
        return self._taken.total()

    def clear(self) -> None:
        """Free all places, as if nobody had taken one."""
        with self._lock:
            self._taken.clear()


class Slot:
    """A taken place. Released once, at the latest when nobody has it any more."""

    def __init__(self, slots: Slots, caller: str) -> None:
        self._slots, self._caller, self._is_held = slots, caller, True

    def release(self) -> None:
        if self._is_held:
            self._is_held = False
            self._slots._release(self._caller)

    def __del__(self) -> None:
        self.release()


downloads = Slots(total=3, each=2)
uploads = Slots(total=3, each=2)


class Download(Iterator[str | bytes]):
    """The pieces of a download that holds a place until its end or its reader's, or its deadline.

    The server closes it when the reader hangs up; one that never reads is hung up on by the
    kernel.
    """

    def __init__(self, pieces: Iterable[str | bytes], slot: Slot) -> None:
        self._pieces, self._slot = iter(pieces), slot
        self._end = time.monotonic() + DOWNLOAD_SECONDS
        limit_stalls()

    def __next__(self) -> str | bytes:
        try:
            piece = next(self._pieces)
        except BaseException:
            self.close()
            raise
        if time.monotonic() < self._end:
            return piece
        self.close()
        self._pieces = iter(())
        return INCOMPLETE if isinstance(piece, str) else INCOMPLETE.encode()

    def close(self) -> None:
        """Free the place, and what the pieces hold: a cursor of the database, a file."""
        try:
            if close := getattr(self._pieces, "close", None):
                close()
        finally:
            self._slot.release()


def download(pieces: Iterable[str | bytes], caller: str) -> Download:
    """`pieces` for a streamed answer to this caller; raises Busy."""
    return Download(pieces, downloads.take(caller))
