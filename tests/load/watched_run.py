"""One run of the demo, watched from outside: CPU, memory, locks, lags.

On PostgreSQL and Redis, or on the embedded defaults: SQLite and a broker in memory.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import requests

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django  # noqa: E402

django.setup()

from config.demo import cpu, environment  # noqa: E402
from config.demo.journal_verdict import peak  # noqa: E402
from config.processes.launcher import Launcher  # noqa: E402
from tests.load.memory_bench import below  # noqa: E402
from tests.load.pss import pss_mb  # noqa: E402
from tests.load.sampling import Sampler  # noqa: E402

APPLY_SECONDS = 300.0  # after the end, for the last reports
AFTERWARDS_SECONDS = 30.0  # then for what follows the end: records, rollups
AFTERWARDS_LIMIT_SECONDS = 900.0  # of 1,000,000 they take minutes
IDLE_SECONDS = 15.0  # then nothing is to do: what is used is subtracted
IDLE_CORES = 0.12  # that all processes use together at most then
LOCK_WAIT = "200ms"  # longer ones are in PostgreSQL's log
LEFT = """
    SELECT (SELECT count(*) FROM webhooks_webhookevent WHERE processed_at IS NULL),
           (SELECT count(*) FROM webhooks_webhookevent WHERE dead_at IS NOT NULL),
           (SELECT count(*) FROM distribution_delivery WHERE state = 'ACCEPTED' AND progress = 0),
           (SELECT count(*) FROM distribution_delivery WHERE progress >= 2)
"""
LAG = """
    SELECT COALESCE(max(extract(epoch FROM processed_at - received_at)), 0),
           COALESCE(max(extract(epoch FROM processed_at)), 0)
      FROM webhooks_webhookevent
"""
LAG_ON_SQLITE = """
    SELECT COALESCE(max(julianday(processed_at) - julianday(received_at)), 0) * 86400,
           (COALESCE(max(julianday(processed_at)), 2440587.5) - 2440587.5) * 86400
      FROM webhooks_webhookevent
"""
STAMPING = "tests.load.stamping_settings"
TROUBLES = ("still waiting", "deadlock detected", "statement timeout", "lock timeout")
ACCEPTED = "SELECT count(*) FROM distribution_delivery WHERE accepted_at IS NOT NULL"
STRUCK = "worker-batch-processing"


def run(
    subscribers: int,
    *,
    rate: int,
    numbers: int = 3,
    senders: int = 1,
    env: dict[str, str],
    kill: bool = False,
    statuses_per_post: int = 0,
    services: bool = True,
) -> dict[str, Any]:
    """The demo's own figures and those of the watcher. `kill`: the first sender is killed once a
    third is accepted, and started again a second later as `manage.py up` does. `rate`, `numbers`:
    0 for the demo's own. `statuses_per_post`: at most so many; 0: those of 150 ms come together.
    `services`: PostgreSQL and Redis instead of the embedded defaults."""
    folder = Path(tempfile.mkdtemp(prefix="daybreak-bench-"))
    folder.chmod(0o711)
    report, stamps = folder / "report.json", folder / "stamps"
    stamps.mkdir()
    env = {**env, "STAMPS_DIR": str(stamps), "DJANGO_SETTINGS_MODULE": STAMPING}
    pool = {"rate": rate, "numbers": numbers}
    try:
        with environment.launch(
            folder / "var",
            "normal_load",
            seed=1,
            services=services,
            senders=senders,
            env=env,
            **pool,
        ) as launcher:
            url = launcher.env.get("DATABASE_URL") or f"sqlite:///{folder / 'var/daybreak.sqlite3'}"
            if services:
                _log_lock_waits(url)
            _set_sandbox(launcher.sandbox_url, rate, statuses_per_post)
            with _Samples(launcher) as watched, _struck(launcher, subscribers // 3, kill):
                environment.run_day(
                    launcher,
                    "normal_load",
                    subscribers=subscribers,
                    seed=1,
                    report=str(report),
                    serve=False,
                    **pool,
                )
                left = left_over(url, APPLY_SECONDS)
                time.sleep(AFTERWARDS_SECONDS)
                _await_idle(watched)
            lag, applied_at = _ask(url, LAG if services else LAG_ON_SQLITE)
            file = launcher.logs / "postgres.log"
            log = file.read_text("utf-8", "replace") if services else ""
        figures: dict[str, Any] = json.loads(report.read_text())
        figures["busiest_second"] = _busiest_second(stamps)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    began = figures["first_accepted_at"] - figures["first_send_lateness_seconds"]
    return {
        **figures,
        **left,
        "lag": round(float(lag), 2),
        "cost": _cost(watched.samples, began, float(applied_at), figures["accepted"]),
        "memory": _peaks(watched.samples),
        "troubles": troubles(log),
    }


Sample = tuple[float, dict[str, float], dict[str, int]]


class _Samples(Sampler):
    """Twice a second the CPU of each process, every tenth time its memory."""

    def __init__(self, launcher: Launcher) -> None:
        super().__init__(0.5)
        self.samples: list[Sample] = []
        self._launcher = launcher

    def look(self) -> None:
        pids = self._launcher.pids
        used = cpu.seconds_used(pids)
        memory = _memory(pids) if len(self.samples) % 10 == 0 else {}
        self.samples.append((time.time(), used, memory))


def _await_idle(watched: _Samples) -> None:
    """Until a whole IDLE_SECONDS has passed in which next to nothing was done."""
    end = time.monotonic() + AFTERWARDS_LIMIT_SECONDS
    while time.monotonic() < end:
        before = watched.samples[-1]
        time.sleep(IDLE_SECONDS)
        after = watched.samples[-1]
        if sum(after[1].values()) - sum(before[1].values()) < IDLE_CORES * (after[0] - before[0]):
            return


@contextmanager
def _struck(launcher: Launcher, accepted: int, kill: bool) -> Iterator[None]:
    """The first sender is killed, if it is to be, once so many messages are accepted."""
    ended = threading.Event()

    def strike() -> None:
        while not ended.wait(0.5):
            if _ask(launcher.env["DATABASE_URL"], ACCEPTED)[0] >= accepted:
                os.kill(launcher.pids[STRUCK], signal.SIGKILL)
                return

    thread = threading.Thread(target=strike)
    if kill:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if kill:
            thread.join()


def _memory(roots: dict[str, int]) -> dict[str, int]:
    """PSS in MB by name, of the process and all below it."""
    return {name: round(sum(pss_mb(pid) for pid, _ in below(root))) for name, root in roots.items()}


def _cost(samples: list[Sample], began: float, ended: float, messages: int) -> dict[str, float]:
    """Milliseconds of CPU per message and process, from the trigger to the last report, less what
    the process uses while there is nothing to do."""
    before = [one for one in samples if one[0] <= began]
    first = before[-1] if before else samples[0]
    last = next((one for one in samples if one[0] >= ended), samples[-1])
    idle_from = next(one for one in samples if one[0] >= samples[-1][0] - IDLE_SECONDS + 3)
    idle_to = samples[-1]
    cost = {}
    for name in samples[-1][1]:
        idle = (idle_to[1][name] - idle_from[1].get(name, 0)) / (idle_to[0] - idle_from[0])
        used = last[1].get(name, 0) - first[1].get(name, 0) - idle * (last[0] - first[0])
        cost[name] = round(1000 * max(0.0, used) / max(1, messages), 4)
    return cost


def _peaks(samples: list[Sample]) -> dict[str, int]:
    peaks: dict[str, int] = {}
    for _, _, memory in samples:
        for name, megabytes in memory.items():
            peaks[name] = max(peaks.get(name, 0), megabytes)
    return peaks


def _log_lock_waits(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("ALTER SYSTEM SET log_lock_waits = on")
        session.execute(f"ALTER SYSTEM SET deadlock_timeout = '{LOCK_WAIT}'")
        session.execute("SELECT pg_reload_conf()")


def _set_sandbox(sandbox: str, rate: int, statuses_per_post: int) -> None:
    """What is above a number's rate is accepted, so that the journal shows it: up to twice it."""
    settings = {"rate_burst": rate} if rate else {}
    if statuses_per_post:
        settings |= {"webhook_batch_window_ms": 0, "webhook_max_updates": statuses_per_post}
    answer = requests.patch(f"{sandbox}/control/settings", json=settings, timeout=10)
    answer.raise_for_status()


def _ask(url: str, query: str) -> tuple[Any, ...]:
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            return file.execute(query).fetchone() or ()
    with psycopg.connect(url, autocommit=True) as session:
        return session.execute(query.encode()).fetchone() or ()


def _busiest_second(folder: Path) -> int:
    """The most messages that any phone number wrote in one second, over all processes."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    for line in (line for file in folder.iterdir() for line in file.read_text().splitlines()):
        moment, _, number = line.partition(" ")
        times[number].append(float(moment))
    return max(map(peak, times.values()), default=0)


def troubles(log: str) -> dict[str, int]:
    """How often PostgreSQL's log speaks of each."""
    return {word: len(re.findall(word, log)) for word in TROUBLES}


def left_over(url: str, seconds: float) -> dict[str, int]:
    """What is not applied when nothing changes any more, or after so many seconds."""
    names = ("webhooks_pending", "webhooks_dead", "without_report", "delivered_rows")
    end, before = time.monotonic() + seconds, None
    while True:
        row = _ask(url, LEFT)
        if (row == before and not row[0]) or time.monotonic() > end:
            return dict(zip(names, row, strict=True))
        before = row
        time.sleep(3)


def ours(cost: dict[str, float]) -> float:
    """Everything except the sandbox."""
    return sum(spent for name, spent in cost.items() if name != "sandbox")
