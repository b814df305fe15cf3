"""How often somebody may ask: a token so many requests a minute for each scope, by API_RATES.

Counted in Redis for all web processes together; while Redis is away, by each for itself. A
counter that fails never fails the request.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from distribution.api.auth.scopes import needed
from distribution.models import ApiToken

if TYPE_CHECKING:  # it imports its defaults, and this is one of them
    from rest_framework.views import APIView

log = logging.getLogger(__name__)

WINDOW = 60  # seconds
PATIENCE = 0.1  # seconds for Redis, which answers in one millisecond or not at all
RECOVERY = 10.0  # seconds without asking a Redis that failed


@dataclass(frozen=True, slots=True)
class Rate:
    """Where somebody stands in the window that runs."""

    limit: int
    used: int
    reset: int  # seconds until it begins anew

    @property
    def exceeded(self) -> bool:
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "RateLimit-Reset": str(self.reset),
        }


class ScopeThrottle(BaseThrottle):
    """One counter for each token, or signed-in person, and scope."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        scope = needed(view, request.method or "")
        if scope is None:
            return True
        holder = (
            request.auth.prefix if isinstance(request.auth, ApiToken) else f"u{request.user.pk}"
        )
        self.rate = standing(f"{holder}:{scope}", settings.API_RATES[scope])
        request._request.api_rate = self.rate  # type: ignore[attr-defined]  # read by edge.py
        return not self.rate.exceeded

    def wait(self) -> float:
        return float(self.rate.reset)


def standing(name: str, limit: int) -> Rate:
    """Count one request more of this name, and tell where it stands now."""
    window, into = divmod(time.time(), WINDOW)
    used = count(f"api:{name}:{int(window)}")
    return Rate(limit, used, max(1, int(WINDOW - into)))


class Memory:
    """Counts of this process; those of windows that are over are forgotten."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, int] = {}

    def add(self, name: str) -> int:
        with self._lock:
            if len(self._counts) > 10_000:
                self._counts.clear()
            self._counts[name] = self._counts.get(name, 0) + 1
            return self._counts[name]

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()


memory = Memory()
_quiet_until = 0.0


@lru_cache(maxsize=1)
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url.replace("redis+socket://", "unix://", 1),
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 0),
    )


def forget() -> None:
    """Ask Redis again, wherever it is now, and begin to count anew."""
    global _quiet_until
    _quiet_until = 0.0
    memory.clear()


def count(name: str) -> int:
    """How often this name was counted, this time included."""
    global _quiet_until
    if time.monotonic() >= _quiet_until:
        try:
            steps = _redis(settings.REDIS_URL).pipeline()
            steps.incr(name)
            steps.expire(name, 2 * WINDOW)
            return int(steps.execute()[0])
        except redis.RedisError as error:
            _quiet_until = time.monotonic() + RECOVERY
            log.warning("rates are counted by this process alone: %s", type(error).__name__)
    return memory.add(name)
