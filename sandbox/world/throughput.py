"""The platform's rate limits: messages per second and per pair, calls per hour, people per day."""

from __future__ import annotations

from collections import deque

DAY_SECONDS = 86_400.0
HOUR_SECONDS = 3600.0
_SWEEP_AT = 50_000


class SlidingWindow:
    """Exact: never admits more than the limit in any window of `seconds`."""

    __slots__ = ("_arrivals", "_seconds", "peak")

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._arrivals: deque[float] = deque()
        self.peak = 0

    def after(self, arrival: float) -> float:
        """The arrival, or the last counted one if others overtook this request's slow body."""
        return max(arrival, self._arrivals[-1]) if self._arrivals else arrival

    def admit(self, arrival: float, limit: float) -> bool:
        """Counts a call at `arrival` if fewer than `limit` are in the window before it."""
        arrivals = self._arrivals
        edge = arrival - self._seconds
        while arrivals and arrivals[0] <= edge:
            arrivals.popleft()
        if len(arrivals) >= limit:
            return False
        arrivals.append(arrival)
        if len(arrivals) > self.peak:
            self.peak = len(arrivals)
        return True

    @property
    def used(self) -> int:
        """How many calls are in the window that ends with the last one."""
        return len(self._arrivals)

    def seconds_until_free(self, now: float) -> float:
        """Until the oldest call leaves the window."""
        return max(0.0, self._arrivals[0] + self._seconds - now) if self._arrivals else 0.0

    def used_percent(self, limit: int) -> int:
        """How much of the limit is used, 0 to 100."""
        return min(100, 100 * len(self._arrivals) // limit) if limit else 100


class PairLimiter:
    """One number's bursts per person: a burst blocks the person for a proportional time."""

    __slots__ = ("_bursts", "_sweep_at")

    def __init__(self) -> None:
        self._bursts: dict[str, tuple[float, int]] = {}  # person → start, messages
        self._sweep_at = _SWEEP_AT

    def admit(self, person: str, arrival: float, *, interval: float, burst: int) -> bool:
        """Allows up to `burst` messages within `interval` seconds; each then blocks for
        `interval`."""
        start, count = self._bursts.get(person, (0.0, 0))
        if count and arrival - start < interval:
            if count >= burst:
                return False
            self._bursts[person] = (start, count + 1)
            return True
        if count and arrival < start + count * interval:
            return False
        self._bursts[person] = (arrival, 1)
        if len(self._bursts) >= self._sweep_at:
            self._sweep(arrival, interval)
        return True

    def _sweep(self, now: float, interval: float) -> None:
        """Removes people who are no longer blocked, so that memory stays bounded."""
        blocking = {p: b for p, b in self._bursts.items() if now < b[0] + b[1] * interval}
        self._bursts = blocking
        self._sweep_at = max(_SWEEP_AT, 2 * len(blocking))


class DailyPeople:
    """Unique recipients of a portfolio in the last 24 hours."""

    __slots__ = ("_latest",)

    def __init__(self) -> None:
        self._latest: dict[str, float] = {}  # oldest first

    def __len__(self) -> int:
        return len(self._latest)

    def admit(self, person: str, now: float, limit: int) -> bool:
        """Counts a delivery to `person` unless it would exceed the limit."""
        while self._latest and next(iter(self._latest.values())) <= now - DAY_SECONDS:
            del self._latest[next(iter(self._latest))]
        known = self._latest.pop(person, None) is not None
        if not known and len(self._latest) >= limit:
            return False
        self._latest[person] = now
        return True
