"""The webhook door under load: POSTs a second and CPU a POST, committed, one web worker.

    python tests/load/webhook_bench.py [--posts 20000] [--runs 3] [--links 8] [--statuses 1]
        [--threads 8] [--database postgres|sqlite|both] [--app MODULE:NAME] [--drain]

Starts granian and a broker as production does, over a throwaway PostgreSQL or SQLite, and posts
distinct signed bodies on kept-alive connections. CPU is user + system: of the web's processes,
and of PostgreSQL's beside it. "A core" is 1 s ÷ CPU of the web a POST. `--drain` also applies
what was stored and tells the cost of a status. Medians of the runs are printed last.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402

from config import postgres  # noqa: E402
from config.broker import running_broker  # noqa: E402
from config.processes import free_port  # noqa: E402
from webhooks import signature  # noqa: E402

SECRET = "a secret of the benchmark"
PATH = "/webhooks/whatsapp"


def body(serial: int, statuses: int) -> bytes:
    """A webhook of so many statuses, some 700 bytes each, unlike every other one."""
    items = [
        {
            "id": f"wamid.HBgMOTE5ODEyMzQ1Njc4FQIAERgSQ{serial:012}{place:04}",
            "status": "delivered",
            "timestamp": "1750030073",
            "recipient_id": "919812345678",
            "recipient_user_id": "IN.13491208655302741918",
            "biz_opaque_callback_data": f"daybreak:{serial + 10**9}.1.9f3c0a5d7e21b",
            "pricing": {
                "billable": True,
                "pricing_model": "PMP",
                "type": "regular",
                "category": "utility",
            },
        }
        for place in range(statuses)
    ]
    metadata = {"display_phone_number": "919800000001", "phone_number_id": "106540352242922"}
    contact = {"profile": {"name": "Ravi"}, "wa_id": "919812345678"}
    value = {
        "messaging_product": "whatsapp",
        "metadata": metadata,
        "contacts": [contact],
        "statuses": items,
    }
    entry = {"id": "102290129340398", "changes": [{"field": "messages", "value": value}]}
    document = {"object": "whatsapp_business_account", "entry": [entry]}
    return json.dumps(document, separators=(",", ":")).encode()


def request(payload: bytes) -> bytes:
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"User-Agent: facebookexternalua\r\n{signature.HEADER}: {signature.sign(payload, SECRET)}"
        f"\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


class Link(asyncio.Protocol):
    """One kept-alive connection that posts one request after the other."""

    def __init__(self, requests: Iterator[bytes], seconds: list[float], answers: list[int]) -> None:
        self.requests, self.seconds, self.answers = requests, seconds, answers
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self.seconds.append(time.perf_counter() - self.started)
        self.answers.append(int(data[9:12]))
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server hung up"))

    def _next(self) -> None:
        following = next(self.requests, None)
        if following is None:
            self.done.set_result(None)
            self.transport.close()
            return
        self.started = time.perf_counter()
        self.transport.write(following)


async def fire(port: int, requests: list[bytes], links: int) -> tuple[float, list[float]]:
    """Post them all over so many connections; (seconds in all, seconds of each)."""
    loop, waiting = asyncio.get_running_loop(), iter(requests)
    each: list[float] = []
    answers: list[int] = []
    started = time.perf_counter()
    made = [
        await loop.create_connection(lambda: Link(waiting, each, answers), "127.0.0.1", port)
        for _ in range(links)
    ]
    await asyncio.gather(*(link.done for _, link in made))
    assert set(answers) == {200}, f"not all were taken: {set(answers)}"
    return time.perf_counter() - started, each


def cpu(processes: list[psutil.Process]) -> float:
    """Seconds of user and system time of these, and of children that ended."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def environment(database_url: str, broker_url: str, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DAYBREAK_VAR": str(folder),
        "DATABASE_URL": database_url,
        "SECRET_KEY": "a key for the benchmark only, long enough to pass the settings' own check",
        "HTTPS": "false",
        "LOG_LEVEL": "warning",
        "REDIS_URL": broker_url,
        "WHATSAPP_APP_SECRET": SECRET,
    }


@contextlib.contextmanager
def web(env: dict[str, str], app: str, threads: int, log: Path) -> Iterator[tuple[int, int]]:
    """(port, process) of a web server."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--blocking-threads", str(threads)]
    command += ["--http", "1", "--no-ws", app]
    with log.open("wb") as output:
        child = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
    try:
        wait_for(port)
        yield port, child.pid
    finally:
        child.terminate()
        child.wait(timeout=30)


def wait_for(port: int) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            asyncio.run(fire(port, [request(body(0, 1))], 1))
        except (OSError, ConnectionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


@contextlib.contextmanager
def databases(kind: str, folder: Path) -> Iterator[tuple[str, Callable[[], float]]]:
    """(URL, function that tells the CPU of the server's own processes)."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bench.sqlite3'}", lambda: 0.0
        return
    with postgres.start(folder / "postgres", durable=True) as server:
        yield server.url, lambda: cpu(family(server.process.pid))


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
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--no-input", "-v0"],
                cwd=ROOT,
                env=env,
                check=True,
            )
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
    seconds, each = asyncio.run(fire(port, requests, arguments.links))
    used, database_used = cpu(processes) - before, database_cpu() - database_before
    return {
        "posts_per_second": number / seconds,
        "web_cpu_us": 1e6 * used / number,
        "database_cpu_us": 1e6 * database_used / number,
        "posts_per_second_a_core": number / used,
        "p50_ms": 1e3 * median(each),
        "p99_ms": 1e3 * quantiles(each, n=100)[98],
    }


DRAIN = """
import django, json, resource, sys, time
django.setup()
from django.db import connection
from django.utils import timezone
from webhooks import inbox
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
