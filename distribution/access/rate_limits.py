"""Counts requests in fixed windows of one minute, for the rate limits of the API.

Redis counts for all web processes together. While Redis is unavailable, each process counts on
its own. A failure to count never fails the request.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

WINDOW_SECONDS = 60
REDIS_TIMEOUT_SECONDS = 0.1  # Redis answers within one millisecond or not at all
REDIS_PAUSE_SECONDS = 10.0  # after a failure, before Redis is tried again
LOCAL_NAMES_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A limit and how much of it the current window has used."""

    limit: int
    used: int
    reset_seconds: int  # until the next window begins

    @property
    def exceeded(self) -> bool:
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "RateLimit-Reset": str(self.reset_seconds),
        }


def count_request(name: str, limit: int) -> RateLimit:
    """Count one more request under this name in the current window."""
    window, elapsed = divmod(time.time(), WINDOW_SECONDS)
    used = increment(f"api:{name}:{int(window)}")
    return RateLimit(limit, used, max(1, int(WINDOW_SECONDS - elapsed)))


class LocalCounts:
    """Counts of this process. All are dropped at the limit of names, as windows leave old names."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, int] = {}

    def increment(self, name: str) -> int:
        with self._lock:
            if len(self._counts) > LOCAL_NAMES_LIMIT:
                self._counts.clear()
            self._counts[name] = self._counts.get(name, 0) + 1
            return self._counts[name]

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()


local_counts = LocalCounts()
_redis_paused_until = 0.0  # on the monotonic clock


@lru_cache(maxsize=1)
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url.replace("redis+socket://", "unix://", 1),
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def reset() -> None:
    """Drop the counts of this process and try Redis again with the next request."""
    global _redis_paused_until
    _redis_paused_until = 0.0
    local_counts.clear()


def increment(name: str) -> int:
    """Add one to the count of this name, and return it."""
    global _redis_paused_until
    if time.monotonic() >= _redis_paused_until:
        try:
            pipeline = _redis(settings.REDIS_URL).pipeline()
            pipeline.incr(name)
            pipeline.expire(name, 2 * WINDOW_SECONDS)
            return int(pipeline.execute()[0])
        except redis.RedisError as error:
            _redis_paused_until = time.monotonic() + REDIS_PAUSE_SECONDS
            log.warning("rates are counted by this process alone: %s", type(error).__name__)
    return local_counts.increment(name)
