"""The broker forgets everything in mid-run: batch tasks, the chord and its callback are gone."""

from __future__ import annotations

import json
import threading
import time

import pytest
import redis

from config.demo import environment
from config.demo.journal_verdict import SandboxClient
from config.processes.launcher import Launcher

pytestmark = pytest.mark.any_database  # always SQLite


def forget_everything(launcher: Launcher, *, after: int) -> None:
    """Empty the broker once so many messages were accepted."""
    sandbox = SandboxClient(launcher.sandbox_url)
    while len(sandbox.journal()) < after:
        time.sleep(0.1)
    redis.Redis.from_url(launcher.env["REDIS_URL"]).flushall()


@pytest.mark.slow
def test_a_day_whose_tasks_are_lost_is_finished_by_the_tick(tmp_path):
    report = tmp_path / "report.json"
    quick = {"TICK_SECONDS": "2"}
    with environment.launch(
        tmp_path / "var", "normal_load", seed=1, services=False, env=quick
    ) as launcher:
        loss = threading.Thread(target=forget_everything, args=(launcher,), kwargs={"after": 100})
        loss.start()
        code = environment.run_day(
            launcher, "normal_load", subscribers=1500, seed=1, report=str(report), serve=False
        )
        loss.join(timeout=5)

    day = json.loads(report.read_text())
    assert code == 0, day
    assert (day["missed"], day["duplicates"], day["unconfirmed"]) == (0, 0, 0)
    # The loss was felt: a morning without one takes ten seconds.
    assert day["dispatch_seconds"] > 12
