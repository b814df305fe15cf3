"""The webhook door under load: POSTs a second and CPU a POST, committed, one web worker.

    python tests/load/webhook_bench.py [--posts 20000] [--runs 3] [--links 8] [--statuses 1]
        [--rate 0] [--threads 8] [--database postgres|sqlite|both] [--app MODULE:NAME] [--drain]

Starts granian and a broker as production does, over a throwaway PostgreSQL or SQLite, and posts
distinct signed bodies on kept-alive connections: each posts the next one when it was answered, or,
with `--rate`, so many a second come whether or not the last ones were answered. CPU is user +
system: of the web's processes, and of PostgreSQL's beside it. "A core" is 1 s ÷ CPU of the web a
POST. `--drain` also applies what was stored and tells the cost of a status. Medians of the runs are
printed last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.load.callers import steadily  # noqa: E402
from tests.load.posts import body, fire, request  # noqa: E402
from tests.load.servers import (  # noqa: E402
    cpu,
    databases,
    environment,
    family,
    migrate,
    web,
)
from tests.throwaway_services import running_broker  # noqa: E402


def measure(arguments: argparse.Namespace, kind: str) -> dict[str, float]:
    """One run: a new database, a new web server, a warm-up, then the POSTs."""
    folder = Path(tempfile.mkdtemp(prefix="daybreak-bench-"))
    folder.chmod(0o711)
    try:
        with (
            databases(kind, folder) as (url, database_cpu),
            running_broker(folder / "broker") as broker_url,
        ):
            env = environment(url, broker_url, folder)
            migrate(env)
            with web(env, arguments.app, arguments.threads, folder / "web.log") as (port, pid):
                figures = _measure_posts(arguments, port, pid, database_cpu)
            if arguments.drain:
                figures |= _measure_drain(env, arguments)
            return figures
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure_posts(
    arguments: argparse.Namespace, port: int, pid: int, database_cpu: Callable[[], float]
) -> dict[str, float]:
    number = arguments.posts
    warm = [request(body(n, arguments.statuses)) for n in range(1, 1001)]
    asyncio.run(fire(port, warm, arguments.links))
    requests = [request(body(10_000 + n, arguments.statuses)) for n in range(number)]
    processes = family(pid)
    before, database_before = cpu(processes), database_cpu()
    seconds, each = asyncio.run(_post(port, requests, arguments))
    used, database_used = cpu(processes) - before, database_cpu() - database_before
    return {
        "posts_per_second": number / seconds,
        "web_cpu_us": 1e6 * used / number,
        "database_cpu_us": 1e6 * database_used / number,
        "posts_per_second_a_core": number / used,
        "p50_ms": 1e3 * median(each),
        "p99_ms": 1e3 * quantiles(each, n=100)[98],
    }


async def _post(
    port: int, requests: list[bytes], arguments: argparse.Namespace
) -> tuple[float, list[float]]:
    """(seconds in all, seconds of each)."""
    if not arguments.rate:
        return await fire(port, requests, arguments.links)
    seconds = len(requests) / arguments.rate
    answers = await steadily(port, iter(requests), rate=arguments.rate, seconds=seconds)
    assert {answer.status for answer in answers} == {200}, "not all were taken"
    return seconds, [answer.seconds for answer in answers]


DRAIN = """
import django, json, resource, sys, time
django.setup()
from django.db import connection
from django.utils import timezone
from webhooks.applying import inbox
from webhooks.models import WebhookEvent
asked = 0
def count(execute, *rest):
    global asked
    asked += 1
    return execute(*rest)
before, started = time.process_time(), time.perf_counter()
applied = 0
with connection.execute_wrapper(count):
    while True:
        drained = inbox.drain(now=timezone.now(), seconds=60)
        applied += drained.applied
        if not drained.more:
            break
print(json.dumps([applied, time.process_time() - before, time.perf_counter() - started, asked]))
"""


def _measure_drain(env: dict[str, str], arguments: argparse.Namespace) -> dict[str, float]:
    """Apply what was stored, in a process of its own; the deliveries it names do not exist."""
    done = subprocess.run(
        [sys.executable, "-c", DRAIN], cwd=ROOT, env=env, check=True, capture_output=True
    )
    applied, used, seconds, asked = json.loads(done.stdout)
    statuses = applied * arguments.statuses
    return {
        "drained_statuses_per_second": statuses / seconds,
        "drain_cpu_us_a_status": 1e6 * used / statuses,
        "statements_a_status": asked / statuses,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--links", type=int, default=8)
    parser.add_argument("--rate", type=float, default=0, help="POSTs a second; 0: no rate")
    parser.add_argument("--statuses", type=int, default=1)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--database", choices=["postgres", "sqlite", "both"], default="both")
    parser.add_argument("--app", default="config.wsgi:application")
    parser.add_argument("--drain", action="store_true")
    arguments = parser.parse_args()
    kinds = ["postgres", "sqlite"] if arguments.database == "both" else [arguments.database]
    medians: dict[str, Any] = {}
    for kind in kinds:
        runs = []
        for place in range(arguments.runs):
            runs.append(measure(arguments, kind))
            rounded = {name: round(value, 3) for name, value in runs[-1].items()}
            print(kind, place + 1, json.dumps(rounded), flush=True)
        medians[kind] = {name: round(median(run[name] for run in runs), 3) for name in runs[0]}
    print(json.dumps(medians, indent=2))


if __name__ == "__main__":
    main()
