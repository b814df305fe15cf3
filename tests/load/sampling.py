"""What a benchmark looks at again and again while something else runs."""

from __future__ import annotations

import threading
from typing import Self


class Sampler:
    """Calls `look` every so many seconds while the block runs, in a thread of its own, and at its
    end, so that a short one is seen, too."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._ended = seconds, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.look()

    def look(self) -> None:
        raise NotImplementedError

    def _watch(self) -> None:
        while not self._ended.wait(self._seconds):
            self.look()
