"""What waits in Celery's queues, for how long, who works on it, and how fast."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import redis
from django.conf import settings

from config import broker
from distribution.models import Worker


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queue as the broker knows it."""

    depth: int
    oldest_seconds: float | None  # None: it is empty, or its oldest task does not say


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue, and who serves it. What the broker did not tell is None."""

    name: str
    depth: int | None
    oldest_seconds: float | None
    per_minute: int
    workers: int
    concurrency: int


def waiting() -> dict[str, Waiting]:
    """Every queue's depth and the age of its oldest task, in one question to the broker.

    Raises redis.RedisError within about a second.
    """
    names = list(settings.QUEUE_CONCURRENCY)
    client = broker.connect(settings.REDIS_URL)
    try:
        steps = client.pipeline(transaction=False)
        for name in names:
            steps.llen(f"{broker.KEY_PREFIX}{name}")
            steps.lindex(f"{broker.KEY_PREFIX}{name}", -1)  # tasks come in on the left
        told = steps.execute()
    finally:
        client.close()
    now = time.time()
    pairs = zip(names, told[::2], told[1::2], strict=True)
    return {name: Waiting(depth, _age(oldest, now)) for name, depth, oldest in pairs}


def waiting_if_told() -> dict[str, Waiting] | None:
    """The same; None while the broker does not answer."""
    try:
        return waiting()
    except redis.RedisError:
        return None


def queues(found: dict[str, Waiting] | None, workers: Iterable[Worker]) -> list[Queue]:
    """Each queue by what the broker and the workers say."""
    serving, threads, done = Counter[str](), Counter[str](), Counter[str]()
    for worker in workers:
        for name in worker.queues:
            serving[name] += 1
            threads[name] += worker.concurrency
        done.update(worker.per_minute)
    told = found or {}
    return [
        Queue(
            name=name,
            depth=told[name].depth if name in told else None,
            oldest_seconds=told[name].oldest_seconds if name in told else None,
            per_minute=done[name],
            workers=serving[name],
            concurrency=threads[name],
        )
        for name in settings.QUEUE_CONCURRENCY
    ]


def _age(message: bytes | None, now: float) -> float | None:
    """Seconds since the task was published, as `config/celery.py` notes it."""
    try:
        at = json.loads(message or b"{}")["headers"]["published_at"]
        return round(max(0.0, now - float(at)), 1)
    except (ValueError, KeyError, TypeError):
        return None
