"""What waits in the queues, who works on it, and the ledger by state."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from celery import current_app
from django.conf import settings as house
from django.utils import timezone
from pytest_django import Settings

from config.monitoring.worker_heartbeat import WorkerHeartbeat
from distribution.models import Worker
from subscribers import tasks
from tests.api.tokens import a_program
from tests.builders import an_open_distribution
from tests.processes import own_database
from webhooks.models import WebhookEvent

ADDRESS = "/api/queue/status"
PATIENCE = 120.0


@pytest.fixture
def empty_broker(settings: Settings, broker_url: str) -> Iterator[str]:
    settings.REDIS_URL = broker_url
    redis.Redis.from_url(broker_url).flushdb()
    yield broker_url
    redis.Redis.from_url(broker_url).flushdb()


def ask() -> Any:
    answer = a_program("read").get(ADDRESS)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def queue(name: str) -> dict[str, Any]:
    return next(one for one in ask()["queues"] if one["name"] == name)


def publish(url: str, name: str) -> None:
    with current_app.connection_for_write(url) as connection:
        tasks.tend_imports.apply_async(queue=name, connection=connection)


def wait_until(met: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.django_db
def test_depth_and_age_come_from_the_broker(empty_broker: str) -> None:
    for _ in range(2):
        publish(empty_broker, "distribution-retry")

    told = queue("distribution-retry")
    assert told.pop("oldest_seconds") >= 0
    assert told == {
        "name": "distribution-retry",
        "depth": 2,
        "per_minute": 0,
        "workers": 0,
        "concurrency": 0,
    }
    assert (queue("webhooks")["depth"], queue("webhooks")["oldest_seconds"]) == (0, None)


@pytest.mark.django_db
def test_workers_and_their_pace_are_told_without_a_broker(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"  # nobody listens there
    now = timezone.now()
    busy = {"queues": ["webhooks", "distribution-retry"], "concurrency": 7}
    Worker.objects.create(name="a", at=now, per_minute={"webhooks": 30}, **busy)
    Worker.objects.create(name="b", at=now, per_minute={"webhooks": 12}, **busy)
    Worker.objects.create(name="gone", at=now - timedelta(minutes=1), **busy)

    assert ask()["broker"] == "down"
    assert queue("webhooks") == {
        "name": "webhooks",
        "depth": None,
        "oldest_seconds": None,
        "per_minute": 42,
        "workers": 2,
        "concurrency": 14,
    }


@pytest.mark.django_db
def test_the_ledger_and_the_inbox_are_counted() -> None:
    an_open_distribution(3)
    at = timezone.now() - timedelta(minutes=1)
    WebhookEvent.objects.create(body=b"{}", digest="a", secret_no=0, received_at=at)
    WebhookEvent.objects.create(body=b"{}", digest="b", secret_no=0, received_at=at, dead_at=at)

    told = ask()
    assert told["ledger"].pop("PENDING") == 3
    assert set(told["ledger"].values()) == {0}
    assert told["inbox"]["depth"] == 1
    assert told["inbox"]["oldest_seconds"] >= 60
    assert told["inbox"]["dead_letters"] == 1


@pytest.mark.django_db
def test_a_worker_counts_what_ended_in_the_last_minute() -> None:
    heartbeat = WorkerHeartbeat("worker", ["webhooks"], 2)

    class Task:
        class request:  # noqa: N801
            delivery_info = {"routing_key": "webhooks"}

    heartbeat.count(task=Task)
    heartbeat.count(task=Task)
    heartbeat.write()
    assert Worker.objects.get().per_minute == {"webhooks": 2}
    assert heartbeat.per_minute(time.monotonic() + 61) == {}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_real_worker_is_seen_working_and_seen_gone(empty_broker: str) -> None:
    environment = {**os.environ, "DATABASE_URL": own_database(), "REDIS_URL": empty_broker}
    command = [sys.executable, "manage.py", "worker", "distribution-retry"]
    publish(empty_broker, "distribution-retry")
    worker = subprocess.Popen(command, env=environment, cwd=house.BASE_DIR)
    try:
        wait_until(lambda: queue("distribution-retry")["per_minute"])
        told = queue("distribution-retry")
        assert (told["depth"], told["workers"], told["per_minute"]) == (0, 1, 1)
    finally:
        worker.terminate()
        worker.wait(PATIENCE)
    assert not Worker.objects.exists()
