"""The client of the broker: a connection that never waits long, and a PING."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

KEY_PREFIX = "daybreak:"  # of every key of ours: others may use the same server


def connect(url: str, *, timeout: float = 1.0) -> redis.Redis:
    """A client that waits no longer than `timeout` seconds and asks once; close it."""
    once = Retry(NoBackoff(), 0)  # by default the client itself would wait and try again
    address = url.replace("redis+socket://", "unix://", 1)  # Celery's name is not redis-py's
    return redis.Redis.from_url(
        address, socket_timeout=timeout, socket_connect_timeout=timeout, retry=once
    )


def answers(url: str) -> bool:
    """Whether a broker at `url` answers a PING within a second."""
    client = connect(url)
    try:
        return bool(client.ping())
    except redis.RedisError:  # not listening yet, or still loading its file
        return False
    finally:
        client.close()
