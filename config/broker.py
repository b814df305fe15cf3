"""Client of the broker with short timeouts, and a PING."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

KEY_PREFIX = "daybreak:"  # of all our keys: other applications may use the same server


def connect(url: str, *, timeout: float = 1.0) -> redis.Redis:
    """A client that waits at most `timeout` seconds and never retries. The caller closes it."""
    no_retry = Retry(NoBackoff(), 0)  # by default redis-py waits and retries
    address = url.replace("redis+socket://", "unix://", 1)  # Celery's scheme is not redis-py's
    return redis.Redis.from_url(
        address, socket_timeout=timeout, socket_connect_timeout=timeout, retry=no_retry
    )


def answers(url: str) -> bool:
    """Whether the broker at `url` answers a PING within a second."""
    client = connect(url)
    try:
        return bool(client.ping())
    except redis.RedisError:  # not listening, or still loading its data
        return False
    finally:
        client.close()
