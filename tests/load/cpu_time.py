"""CPU time of a function, and how it grows with the size of what it reads."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

TRIES = 5  # the least of them counts: other work only adds


def cpu_seconds(function: Callable[[], object], *, enough: float = 0.0) -> float:
    """The least CPU time of five calls; fewer, once one took no more than `enough`."""
    least = math.inf
    for _ in range(TRIES):
        began = time.thread_time()
        function()
        least = min(least, time.thread_time() - began)
        if least <= enough:
            break
    return least


def exponent(small: float, large: float) -> float:
    """Of the growth between two times, the second of a size ten times the first."""
    return math.log10(large / max(small, 1e-7))
