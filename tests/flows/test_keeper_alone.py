"""A morning without Celery: no beat, no worker, nobody at the broker's address. Real processes."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from config.demo import environment
from config.demo.journal_verdict import SandboxClient, compare
from config.processes import programs
from config.processes.child import free_port
from config.processes.supervisor import Supervisor

pytestmark = pytest.mark.any_database  # always SQLite

AHEAD_SECONDS = 20
NOBODY_LISTENS = "redis://127.0.0.1:9/0"


@dataclass
class Morning:
    supervisor: Supervisor
    database: Path
    sandbox: SandboxClient

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.database, timeout=20)) as connection:
            return connection.execute(statement).fetchall()

    def wait_for(self, statement: str, *, seconds: float) -> None:
        """Wait until the statement's first value is true."""
        deadline = time.monotonic() + seconds
        while not (rows := self.ask(statement)) or not rows[0][0]:
            self.supervisor.check()
            assert time.monotonic() < deadline, statement
            time.sleep(0.2)


@contextmanager
def morning(
    tmp_path: Path, database_url: str, subscribers: int, **settings: str
) -> Iterator[Morning]:
    """Sandbox, web server and keeper, with a day planned for a few seconds from now."""
    ports = {name: free_port() for name in ("web", "sandbox")}
    stand_in = environment.sandbox("normal_load", 1)
    planned = datetime.now(ZoneInfo("Asia/Kolkata")) + timedelta(seconds=AHEAD_SECONDS)
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url,
        "DAYBREAK_VAR": str(tmp_path / "var"),
        "REDIS_URL": NOBODY_LISTENS,
        "WHATSAPP_BUSINESS_ID": environment.ACCOUNT,
        "DAILY_TIME": f"{planned:%H:%M:%S}",
        **stand_in.environment(f"http://127.0.0.1:{ports['sandbox']}"),
        **settings,
    }
    ready = tmp_path / "ready"
    ready.mkdir()
    with Supervisor(tmp_path / "logs") as supervisor:
        children = [
            programs.sandbox(env, stand_in, ports["sandbox"], f"http://127.0.0.1:{ports['web']}"),
            programs.web(env, ports["web"]),
        ]
        supervisor.wait_ready(*[supervisor.start(child) for child in children])
        supervisor.run(programs.foreground(env, "tests.flows.prepare_day", str(subscribers)))
        supervisor.wait_ready(supervisor.start(programs.keeper(env, ready)))
        database = Path(database_url.removeprefix("sqlite:///"))
        yield Morning(supervisor, database, SandboxClient(f"http://127.0.0.1:{ports['sandbox']}"))


COMPLETED = "SELECT state = 'COMPLETED' FROM distribution_distribution"


def assert_kept_its_promise(day: Morning, people: int) -> None:
    states = dict(day.ask("SELECT state, COUNT(*) FROM distribution_delivery GROUP BY state"))
    phones = day.ask("SELECT phone FROM distribution_delivery")
    verdict = compare(day.sandbox.journal(), {str(phone).lstrip("+") for (phone,) in phones}, [])

    assert sum(states.values()) == len(phones) == people
    assert set(states) <= {"ACCEPTED", "FAILED"}
    # Whom WhatsApp itself refused was written to all the same.
    assert (verdict.missed, verdict.duplicates, verdict.unexpected) == (0, 0, 0)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_small_day_is_opened_sent_and_closed_by_the_keeper_alone(
    tmp_path: Path, migrated_url: str
) -> None:
    with morning(tmp_path, migrated_url, 300, KEEPER_INTERVAL="1") as day:
        day.wait_for(COMPLETED, seconds=90)
        assert_kept_its_promise(day, 300)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_keeper_told_to_end_in_mid_run_costs_nobody_and_a_second_one_harms_nobody(
    tmp_path: Path, migrated_url: str
) -> None:
    with morning(tmp_path, migrated_url, 1200, KEEPER_INTERVAL="1", KEEPER_PATIENCE="2") as day:
        keeper = day.supervisor.processes["keeper"]
        twin = day.supervisor.start(replace(keeper.child, name="twin"))
        day.supervisor.wait_ready(twin)
        day.wait_for(
            "SELECT COUNT(*) > 60 FROM distribution_delivery WHERE state = 'ACCEPTED'", seconds=90
        )
        for process in (keeper, twin):
            process.popen.terminate()
        assert [process.popen.wait(timeout=30) for process in (keeper, twin)] == [0, 0]
        left = dict(day.ask("SELECT state, COUNT(*) FROM distribution_delivery GROUP BY state"))
        day.wait_for(COMPLETED, seconds=100)  # their supervisor has started them again
        assert_kept_its_promise(day, 1200)

    # What was not begun was given back, not left to its lease.
    assert left.get("CLAIMED", 0) == 0
