"""A keeper's surroundings: who else there is, and rounds that are made one by one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import timezone

from distribution.engine.keeper import Keeper, KeeperActions
from distribution.models import Heartbeat, StatusFeed
from distribution.runtime import india_time
from distribution.sending.settling import BatchResult
from tests.builders import a_number, an_approved_content, some_subscribers

MIDNIGHT = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
SIX = MIDNIGHT + timedelta(hours=6)  # as the settings of the tests have it


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class World:
    """Who else there is, and what the keeper asked of them. Its threads touch no database."""

    def __init__(self) -> None:
        self.now = SIX - timedelta(minutes=1)
        self.sent: list[tuple[int, int]] = []
        self.published: list[int] = []
        self.drained: list[datetime] = []
        self.broker_takes = True
        self.asked = threading.Event()

    def send(self, distribution_id: int, batch_no: int) -> BatchResult:
        self.sent.append((distribution_id, batch_no))
        return BatchResult()

    def publish(self, distribution_id: int) -> bool:
        self.published.append(distribution_id)
        self.asked.set()
        return self.broker_takes

    def celery_lives(self) -> None:
        for name in ("tick", "sla"):
            Heartbeat.record(name, self.now)
        StatusFeed.objects.all().delete()
        StatusFeed.applied(self.now - seconds(10))


def keeper_actions(world: World, *, publish: Callable[[int], bool]) -> KeeperActions:
    return KeeperActions(
        send=world.send,
        publish=publish,
        drain=world.drained.append,
        post_events=lambda: None,
        refresh_rollups=lambda: None,
        withdraw=lambda: None,
    )


def look(keeper: Keeper, world: World, *, later: float = 0.0) -> None:
    """One round, and the end of what it began beside itself."""
    world.now += seconds(later)
    keeper._round()
    wait_until(lambda: not keeper._standby_sender.busy)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def a_morning(subscribers: int = 120) -> None:
    some_subscribers(subscribers)
    a_number()
    an_approved_content(day=india_time.local_date(SIX))
