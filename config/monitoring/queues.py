"""Celery's queues: depth, age of the oldest task, workers and throughput."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import redis
from django.conf import settings

from config import broker
from distribution.metrics.samples import MetricType, Samples, add
from distribution.models import Worker

TYPES = (
    MetricType("daybreak_queue_waiting_messages", "Tasks that wait for a worker.", ("queue",)),
    MetricType("daybreak_queue_oldest_seconds", "For how long the first one waits.", ("queue",)),
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """A queue as the broker sees it."""

    depth: int
    oldest_seconds: float | None  # None: empty, or its oldest task carries no publish time


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue and its workers. Values that only the broker has are None while it is away."""

    name: str
    depth: int | None
    oldest_seconds: float | None
    per_minute: int
    workers: int
    concurrency: int


def backlogs() -> dict[str, Backlog]:
    """Every queue's depth and the age of its oldest task, in one round trip to the broker.

    Raises redis.RedisError within about a second.
    """
    names = list(settings.QUEUE_CONCURRENCY)
    client = broker.connect(settings.REDIS_URL)
    try:
        steps = client.pipeline(transaction=False)
        for name in names:
            steps.llen(f"{broker.KEY_PREFIX}{name}")
            steps.lindex(f"{broker.KEY_PREFIX}{name}", -1)  # tasks are pushed on the left
        replies = steps.execute()
    finally:
        client.close()
    now = time.time()
    pairs = zip(names, replies[::2], replies[1::2], strict=True)
    return {name: Backlog(depth, _age(oldest, now)) for name, depth, oldest in pairs}


def backlogs_or_none() -> dict[str, Backlog] | None:
    """As `backlogs`, but None while the broker does not answer."""
    try:
        return backlogs()
    except redis.RedisError:
        return None


def read_metrics() -> Samples:
    """The backlogs as metrics."""
    samples: Samples = {}
    for name, backlog in backlogs().items():
        add(samples, "daybreak_queue_waiting_messages", backlog.depth, name)
        add(samples, "daybreak_queue_oldest_seconds", backlog.oldest_seconds or 0.0, name)
    return samples


def summarise(by_queue: dict[str, Backlog] | None, workers: Iterable[Worker]) -> list[Queue]:
    """Each queue's backlog (`by_queue`, None: not known) with the workers that serve it."""
    serving, threads, done = Counter[str](), Counter[str](), Counter[str]()
    for worker in workers:
        for name in worker.queues:
            serving[name] += 1
            threads[name] += worker.concurrency
        done.update(worker.per_minute)
    known = by_queue or {}
    return [
        Queue(
            name=name,
            depth=known[name].depth if name in known else None,
            oldest_seconds=known[name].oldest_seconds if name in known else None,
            per_minute=done[name],
            workers=serving[name],
            concurrency=threads[name],
        )
        for name in settings.QUEUE_CONCURRENCY
    ]


def _age(message: bytes | None, now: float) -> float | None:
    """Seconds since the task was published, by the header that `config/celery.py` sets."""
    try:
        at = json.loads(message or b"{}")["headers"]["published_at"]
        return round(max(0.0, now - float(at)), 1)
    except (ValueError, KeyError, TypeError):
        return None
