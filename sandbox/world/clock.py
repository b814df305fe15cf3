"""The sandbox's clock: wall time that never goes backwards."""

from __future__ import annotations

import time


class Clock:
    """Wall seconds since 1970, driven by the monotonic clock from an anchor taken at start."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds, cut to the microsecond, so that checks use the values that the journal shows."""
        return int((self._offset + time.monotonic()) * 1e6) / 1e6  # round() takes 3 µs
