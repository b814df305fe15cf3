"""The broker forgets everything in mid-run: batch tasks, the chord and its callback are gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from config.demo.journal_verdict import SandboxClient
from config.processes.launcher import Launcher
from tests.flows.days import run_day

pytestmark = pytest.mark.any_database  # always SQLite


def forget_everything(launcher: Launcher, *, after: int) -> None:
    """Empty the broker once so many messages were accepted."""
    sandbox = SandboxClient(launcher.sandbox_url)
    while sandbox.stats()["journal_last_seq"] < after:
        time.sleep(0.1)
    redis.Redis.from_url(launcher.env["REDIS_URL"]).flushall()


@contextmanager
def loss(launcher: Launcher) -> Iterator[None]:
    thread = threading.Thread(target=forget_everything, args=(launcher,), kwargs={"after": 100})
    thread.start()
    yield
    thread.join(timeout=5)


@pytest.mark.slow
def test_a_day_whose_tasks_are_lost_is_finished_by_the_tick(tmp_path, migrated_url):
    # One process serves both queues: it takes twice as many tasks as it has threads.
    threads = {"BATCH_PROCESSING_CONCURRENCY": "6", "DISTRIBUTION_RETRY_CONCURRENCY": "4"}
    quick = {"TICK_SECONDS": "2", **threads}
    day = run_day(tmp_path, migrated_url, 1500, env=quick, meanwhile=loss)

    assert (day["missed"], day["duplicates"], day["unconfirmed"]) == (0, 0, 0)
    # The loss was felt: a morning without one takes ten seconds.
    assert day["dispatch_seconds"] > 12
