"""Webhooks beside the API: what each costs the other in one web process, and in two.

    python tests/load/doors_bench.py [--seconds 8] [--posts 100] [--asks 10] [--clients 8]
        [--people 20000] [--threads 8]

Starts `web` and `receiver` as production does over a throwaway PostgreSQL and a broker, then
measures six times, `--seconds` each: signed webhooks at a steady rate alone, while clients ask the
same process for the API's largest pages as fast as they are answered, and the same with the
webhooks at the receiver; then the API's list alone, while as many clients post webhooks to the same
process, and to the receiver. Times count from when a request was due. "x" is the p95 against the
one alone: it carries over to other machines, the times do not. CPU is in cores, of 1 s each a
second; those who ask take theirs from the same machine. Fails if anything was not answered 200.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, repeat
from pathlib import Path
from statistics import quantiles

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402

from config.processes.supervisor import interruptible  # noqa: E402
from tests.load.callers import Answer, Flood, Requests, steadily  # noqa: E402
from tests.load.people import PEOPLE  # noqa: E402
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

LIST = "/api/distribution/subscribers?page_size=50"
LARGE = "/api/distribution/subscribers?page_size=200&ordering=-updated_at"
UNLIMITED = str(10**9)
GOALS = (0.25, 1.0)  # seconds; Meta wants half within the first, all but 1 % within the other
serials = count(1)


@dataclass(frozen=True, kw_only=True)
class House:
    """What is up: two ports, and who is asked for the CPU it has taken."""

    web: int
    receiver: int
    token: str
    spent: dict[str, Callable[[], float]]

    def api(self, path: str) -> Iterator[bytes]:
        """The same question, again and again."""
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {self.token}"]
        return repeat("\r\n".join([*lines, "", ""]).encode())


def posts(start: int) -> Iterator[bytes]:
    """Webhooks that nobody posted before, from serial number `start` on."""
    return (request(body(serial, 1)) for serial in count(start))


def fresh_posts() -> Requests:
    """The same, ten million numbers further than the last time."""
    return partial(posts, next(serials) * 10**7)


@contextlib.contextmanager
def house(arguments: argparse.Namespace) -> Iterator[House]:
    """Everything that is loaded, warm."""
    with contextlib.ExitStack() as up:
        folder = Path(up.enter_context(tempfile.TemporaryDirectory(prefix="daybreak-bench-")))
        folder.chmod(0o711)  # PostgreSQL runs as another account
        url, database = up.enter_context(databases("postgres", folder))
        broker = up.enter_context(running_broker(folder / "broker"))
        env = environment(url, broker, folder) | {"API_RATE_SUBSCRIBERS": UNLIMITED}
        migrate(env)
        with psycopg.connect(url) as link:
            link.execute(PEOPLE, [arguments.people])
        ports, spent = {}, {"PostgreSQL": database}
        for role, app in (("web", "config.wsgi"), ("receiver", "config.receiver")):
            log = folder / f"{role}.log"
            served = web(env, f"{app}:application", arguments.threads, log)
            ports[role], pid = up.enter_context(served)
            spent[role] = partial(cpu, family(pid))
        made = House(**ports, token=a_token(env), spent=spent)
        warm_up(made, arguments.threads)
        yield made


TOKEN = """
import django
django.setup()
from django.contrib.auth.models import User
from django.utils import timezone
from distribution.access import tokens
user = User.objects.create_superuser("bench")
now = timezone.now()
print(tokens.issue("bench", ["subscribers"], user=user, by=user, expires_at=None, now=now)[1])
"""


def a_token(env: dict[str, str]) -> str:
    """A token that may read lists of people."""
    command = [sys.executable, "-c", TOKEN]
    made = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
    return made.stdout.strip()


def warm_up(made: House, threads: int) -> None:
    """Each thread opens its database connection and compiles what it needs."""
    for port in (made.web, made.receiver):
        requests = posts(next(serials) * 10**7)
        asyncio.run(fire(port, [next(requests) for _ in range(50 * threads)], threads))
    with Flood(made.web, partial(made.api, LARGE), threads) as flood:
        time.sleep(1)
    assert set(flood.statuses) == {200}, f"the API refuses: {flood.statuses}"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One phase: the steady ones' answers, what the flood got, and cores by process."""

    name: str
    answers: list[Answer]
    flood: Flood | None
    cores: dict[str, float]

    @property
    def p95(self) -> float:
        return quantiles([one.seconds for one in self.answers], n=100)[94]

    @property
    def statuses(self) -> Counter[int]:
        flooded = self.flood.statuses if self.flood else Counter[int]()
        return flooded + Counter(one.status for one in self.answers)

    def line(self, alone: Measured) -> str:
        took = [one.seconds for one in self.answers]
        p50, p95, p99 = (1000 * quantiles(took, n=100)[place - 1] for place in (50, 95, 99))
        shares = (sum(each <= goal for each in took) / len(took) for goal in GOALS)
        rate = sum(self.flood.statuses.values()) / self.flood.seconds if self.flood else 0.0
        return " | ".join(
            [
                f"{self.name:<33}",
                *(f"{each:8.1f}" for each in (p50, p95, p99)),
                f"{self.p95 / alone.p95:6.1f}",
                *(f"{share:7.1%}" for share in shares),
                f"{rate:8.0f}",
                *(f"{self.cores[name]:10.2f}" for name in ("web", "receiver", "PostgreSQL")),
            ]
        )


def heading() -> str:
    """The table's first line."""
    goals = (f"<={1000 * goal:.0f}ms" for goal in GOALS)
    return " | ".join(
        [
            f"{'':<33}",
            *(f"{name:>8}" for name in ("p50 ms", "p95 ms", "p99 ms")),
            f"{'x':>6}",
            *(f"{goal:>7}" for goal in goals),
            f"{'flood/s':>8}",
            *(f"{name:>10}" for name in ("CPU web", "receiver", "PostgreSQL")),
        ]
    )


def measure(
    made: House,
    name: str,
    port: int,
    requests: Iterator[bytes],
    *,
    rate: float,
    seconds: float,
    flood: Flood | None = None,
) -> Measured:
    """One phase."""
    with flood or contextlib.nullcontext():
        before, began = {who: ask() for who, ask in made.spent.items()}, time.perf_counter()
        answers = asyncio.run(steadily(port, requests, rate=rate, seconds=seconds))
        took = time.perf_counter() - began
        cores = {who: (ask() - before[who]) / took for who, ask in made.spent.items()}
    return Measured(name=name, answers=answers, flood=flood, cores=cores)


def webhooks(made: House, arguments: argparse.Namespace) -> Iterator[Measured]:
    """Webhooks at a steady rate: alone, then beside a flood of the API."""
    given = {"rate": arguments.posts, "seconds": arguments.seconds}
    ways = [("same process", made.web), ("another process", made.receiver)]
    yield measure(made, "webhooks alone", made.web, fresh_posts()(), **given)
    for way, port in ways:
        flood = Flood(made.web, partial(made.api, LARGE), arguments.clients)
        name = f"API flooded, {way}"
        yield measure(made, name, port, fresh_posts()(), **given, flood=flood)


def api(made: House, arguments: argparse.Namespace) -> Iterator[Measured]:
    """The API's list at a steady rate: alone, then beside a flood of webhooks."""
    given = {"rate": arguments.asks, "seconds": arguments.seconds}
    ways = [("same process", made.web), ("another process", made.receiver)]
    yield measure(made, "API alone", made.web, made.api(LIST), **given)
    for way, port in ways:
        flood = Flood(port, fresh_posts(), arguments.clients)
        name = f"webhooks flooded, {way}"
        yield measure(made, name, made.web, made.api(LIST), **given, flood=flood)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=8.0, help="of each of the six phases")
    parser.add_argument("--posts", type=float, default=100.0, help="webhooks a second")
    parser.add_argument("--asks", type=float, default=10.0, help="requests of the API a second")
    parser.add_argument("--clients", type=int, default=8, help="of a flood")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=8, help="of each web server")
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # who waits holds a connection
    statuses: Counter[int] = Counter()
    with interruptible(), house(arguments) as made:
        print(heading(), flush=True)
        for phases in (webhooks, api):
            alone: Measured | None = None
            for phase in phases(made, arguments):
                alone = alone or phase
                print(phase.line(alone), flush=True)
                statuses += phase.statuses
    print("answers by status:", dict(statuses))
    if set(statuses) != {200}:
        sys.exit("Not everything was answered 200.")


if __name__ == "__main__":
    main()
