"""The worst requests that one token may send, during a distribution: what everybody else notices.

    python tests/load/flood_bench.py [--subscribers 2000] [--clients 8] [--sqlite]

Three days with real processes, at the pool's limit: one alone, one beside the flood, one beside
the flood that is paused in the middle. A flood is `--clients` connections of one token with every
scope; each asks for the next of `WORST` as soon as it was answered. The limits are printed beside
the figures; the exit code is 1 if one is not kept.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django  # noqa: E402

django.setup()

from config.demo import environment  # noqa: E402
from config.demo.journal_verdict import SandboxClient  # noqa: E402
from config.processes.launcher import Launcher  # noqa: E402
from distribution.models import Scope  # noqa: E402

LIVE_P99_SECONDS, PAUSE_SECONDS, LATER = 0.25, 1.0, 1.05
LIVE_EVERY_SECONDS = 0.05
PATIENCE_SECONDS = 60.0
MEGABYTE = 1_000_000
API = "/api/distribution"
A_YEAR_AGO = datetime.now(UTC).date() - timedelta(days=360)
LINES = b"phone,name\n" + b"".join(
    b"%d,Person %d\n" % (9_700_000_000 + n, n) for n in range(50_000)
)


class Request(NamedTuple):
    """One request: `path` may name the distribution of today by `{id}`."""

    method: str
    path: str
    body: bytes = b""
    kind: str = "application/json"


# What cost most when it was tried (docs/benchmarks.md), and what looks as if it could.
WORST: dict[str, Request] = {
    "JSON of 1 MB of quotation marks": Request(
        "POST", f"{API}/subscribers/add", b'"' + b'\\"' * (MEGABYTE // 2 - 2)
    ),
    "JSON of 1 MB, nested": Request("POST", f"{API}/subscribers/add", b"[" * (MEGABYTE - 1)),
    "a name of 1 MB of marks": Request(
        "POST",
        f"{API}/subscribers/add",
        json.dumps({"phone": "9812345678", "name": "a\u0323\u0301" * 75_000}).encode(),
    ),
    "the largest page of people": Request(
        "GET", f"{API}/subscribers?page_size=200&ordering=-updated_at"
    ),
    "a search by a common name": Request("GET", f"{API}/subscribers?search=a&page_size=200"),
    "all deliveries as CSV": Request("GET", f"{API}/{{id}}/deliveries?format=csv"),
    "a year of analytics": Request("GET", f"{API}/analytics?by=number&from={A_YEAR_AGO}"),
    "the status": Request("GET", f"{API}/status"),
    "an import of 50,000 lines": Request(
        "POST", f"{API}/subscribers/import?dry_run=true&consent_source=flood", LINES, "text/csv"
    ),
    "a multipart body of 4 MB": Request(
        "POST",
        f"{API}/content/submit",
        b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n"
        + b"x" * 4 * MEGABYTE
        + b"\r\n--b--",
        "multipart/form-data; boundary=b",
    ),
}


def ask(port: int, token: str, request: Request, today: int) -> int:
    """The status of the answer, read to its end; 0 if there was none."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": request.kind}
    if request.method == "POST":
        headers["Idempotency-Key"] = os.urandom(16).hex()
    if "csv" in request.path:
        headers["Accept"] = "text/csv"
    try:
        path = request.path.replace("{id}", str(today)).replace("?format=csv", "")
        link.request(request.method, path, request.body or None, headers)
        answer = link.getresponse()
        while answer.read(65_536):
            pass
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return answer.status
    finally:
        link.close()


def pour(port: int, token: str, clients: int, told: Any) -> None:
    """The flood, in a process of its own until the pipe says enough; sends the statuses counted."""
    statuses: Counter[str] = Counter()
    over = threading.Event()
    todo = cycle(WORST.items())

    def client() -> None:
        while not over.is_set():
            name, request = next(todo)
            statuses[f"{name}: {ask(port, token, request, 1)}"] += 1

    threads = [threading.Thread(target=client, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    told.recv()
    over.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    told.send(statuses)


@contextmanager
def flood(port: int, token: str, clients: int, statuses: Counter[str]) -> Iterator[None]:
    """Asks while the block runs; `statuses` is full afterwards."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=pour, args=(port, token, clients, theirs), daemon=True
    )
    process.start()
    try:
        yield
    finally:
        ours.send("enough")
        statuses.update(ours.recv())
        process.join()


class Liveness(threading.Thread):
    """Asks `/health/live` twenty times a second; `seconds` are counted from when each was due."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port, self.seconds, self.over = port, list[float](), threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            due = time.perf_counter()
            threading.Thread(target=self._one, args=(due,), daemon=True).start()
            time.sleep(LIVE_EVERY_SECONDS)

    def _one(self, due: float) -> None:
        request = Request("GET", "/health/live")
        status = ask(self.port, "none", request, 0)
        self.seconds.append(time.perf_counter() - due if status == 200 else PATIENCE_SECONDS)

    def p99(self) -> float:
        """Seconds, of all that were asked."""
        self.over.set()
        self.join()
        time.sleep(1)
        return quantiles(self.seconds, n=100)[98]


def a_token(house: Launcher) -> str:
    """A key with every scope, of a superuser made for it."""
    manage = [sys.executable, "manage.py"]
    env = {**house.env, "DJANGO_SUPERUSER_PASSWORD": os.urandom(20).hex()}
    made = [*manage, "createsuperuser", "--noinput", "--username=crm", "--email=crm@example.org"]
    subprocess.run(made, cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)
    scopes = [word for scope in Scope.values for word in ("--scope", scope)]
    issue = [*manage, "create_token", "crm", "--user", "crm", *scopes]
    done = subprocess.run(issue, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1]


class Day(NamedTuple):
    """What one day came to; seconds."""

    completion: float
    live_p99: float
    pause: float
    statuses: Counter[str]
    missed: int
    duplicates: int


def day(options: argparse.Namespace, *, clients: int, pause: bool = False) -> Day:
    """A day of its own, in a folder of its own."""
    statuses: Counter[str] = Counter()
    with (
        tempfile.TemporaryDirectory(prefix="daybreak-flood-", ignore_cleanup_errors=True) as name,
        environment.launch(
            Path(name) / "var", "normal_load", seed=1, services=not options.sqlite
        ) as house,
    ):
        report, token, paused = Path(name) / "report.json", a_token(house), [0.0]
        striker = threading.Thread(target=_pause, args=(house, token, options, paused))
        live = Liveness(house.port)
        if pause:
            striker.start()
        with flood(house.port, token, clients, statuses):
            live.start()
            environment.run_day(
                house,
                "normal_load",
                subscribers=options.subscribers,
                seed=1,
                report=str(report),
                serve=False,
            )
            p99 = live.p99()
        if pause:
            striker.join()
        found = json.loads(report.read_text())
    return Day(
        found["dispatch_seconds"], p99, paused[0], statuses, found["missed"], found["duplicates"]
    )


def _pause(house: Launcher, token: str, options: argparse.Namespace, paused: list[float]) -> None:
    """Pause in the middle, see how long after that messages still leave, and resume."""
    journal = SandboxClient(house.sandbox_url)
    while journal.stats()["journal_last_seq"] < options.subscribers // 3:
        time.sleep(0.2)
    sent_at = time.time()
    _until_taken(house, token, "pause")
    time.sleep(5)
    paused[0] = max(one.arrived for one in journal.journal()) - sent_at
    _until_taken(house, token, "resume")


def _until_taken(house: Launcher, token: str, verb: str) -> None:
    request = Request("POST", f"{API}/1/{verb}", json.dumps({"reason": "The flood."}).encode())
    while (status := ask(house.port, token, request, 0)) != 200:
        print(f"{verb}: {status}", flush=True)
        time.sleep(0.05)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--sqlite", action="store_true", help="instead of PostgreSQL and Redis")
    options = parser.parse_args()
    alone = day(options, clients=0)
    beside = day(options, clients=options.clients)
    stopped = day(options, clients=options.clients, pause=True)
    for name, count in sorted((beside.statuses + stopped.statuses).items()):
        print(f"  {name:<44} {count:6}")
    later = beside.completion / alone.completion
    figures: list[tuple[str, float, float]] = [
        ("/health/live p99 alone, seconds", alone.live_p99, LIVE_P99_SECONDS),
        ("/health/live p99 beside the flood", beside.live_p99, LIVE_P99_SECONDS),
        ("pause to the last message, seconds", stopped.pause, PAUSE_SECONDS),
        (f"completion ({beside.completion:.1f} s) / alone", later, LATER),
        ("missed or doubled", sum(one.missed + one.duplicates for one in (beside, stopped)), 0),
    ]
    for name, figure, limit in figures:
        print(f"{name:<44} {figure:8.3f}  at most {limit}")
    return int(any(figure > limit for _, figure, limit in figures))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
