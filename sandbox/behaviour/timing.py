"""Random durations: log-normal distributions and tables of quantiles."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from sandbox.behaviour.settings import Settings

_Z95 = 1.6449
_Z99 = 2.3263


def log_normal(z: float, p50: float, p95: float, p99: float = 0.0, longest: float = 0.0) -> float:
    """The value at `z` standard deviations; `longest` is the maximum, 0 for none.

    A p99 above p95 gives the tail beyond p95 a different slope: real services have worse tails
    than one log-normal through p50 and p95.
    """
    middle = math.log(p50)
    slope = math.log(max(p95, p50) / p50) / _Z95
    logarithm = middle + slope * z
    if p99 > p95 and z > _Z95:
        tail = math.log(p99 / p95) / (_Z99 - _Z95)
        logarithm = middle + slope * _Z95 + tail * (z - _Z95)
    value = math.exp(min(logarithm, 60.0))
    return min(value, longest) if longest else value


def by_quantiles(points: Sequence[Sequence[float]], level: float) -> float:
    """The value at `level` (0 to 1) in a table of [share, seconds], interpolated on a log scale."""
    low_share, low = 0.0, max(points[0][1], 0.001)
    for share, value in points:
        value = max(value, 0.001)
        if level <= share:
            if share == low_share:
                return value
            part = (level - low_share) / (share - low_share)
            return math.exp(math.log(low) + part * (math.log(value) - math.log(low)))
        low_share, low = share, value
    return low


def draw(
    rng: random.Random, p50: float, p95: float, p99: float = 0.0, longest: float = 0.0
) -> float:
    """A random value of the distribution of `log_normal`."""
    return log_normal(rng.gauss(0.0, 1.0), p50, p95, p99, longest)


def send_latency_s(settings: Settings, rng: random.Random) -> float:
    """The latency of one POST, in seconds."""
    p99, longest = settings.latency_p99_ms, settings.latency_max_ms
    return 0.001 * draw(rng, settings.latency_p50_ms, settings.latency_p95_ms, p99, longest)


def read_latency_s(settings: Settings, rng: random.Random) -> float:
    """The latency of one GET, in seconds."""
    return 0.001 * draw(rng, settings.read_latency_p50_ms, settings.read_latency_p95_ms)
