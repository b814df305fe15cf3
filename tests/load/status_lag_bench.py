"""How far the ledger is behind Meta's reports: from the answer 200 until a status is applied.

    python tests/load/status_lag_bench.py [--per 1,50,1000] [--appliers 1,2] [--rate 300]
        [--seconds 10]

Starts a receiver, a broker and workers as production does, over a throwaway PostgreSQL with fsync,
and posts sent, delivered and read of `--rate` messages a second (for more than one status a POST
five times as many). Prints the CPU of receiver, PostgreSQL and workers in µs a status, and for how
long webhooks waited (p50, p99, longest; looked at ten times a second).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.load.posts import fire, request  # noqa: E402
from tests.load.servers import cpu, databases, environment, family, migrate, web  # noqa: E402
from tests.throwaway_services import running_broker  # noqa: E402

WORDS = ("sent", "delivered", "read")
TOKEN = 4611686018427387904
FILL = """
    SET session_replication_role = replica;
    INSERT INTO distribution_delivery (distribution_id, subscriber_id, phone, tier, next_at,
            batch_no, state, claim_token, lease_until, attempt_no, inflight_at, number_id)
    SELECT %(distribution)s, i, '+9198' || lpad(i::text, 8, '0'), 'PRO', now(), i / 50, 'INFLIGHT',
           %(token)s, now() + interval '5 min', 1, now(), %(number)s
      FROM generate_series(1, %(people)s) AS i;
    SET session_replication_role = origin;
"""
LINKS, THREADS, LOOK_SECONDS = 32, 32, 0.1


def fill(people: int, now: datetime) -> None:
    """A distribution whose messages are all in flight."""
    from django.db import connection

    from distribution.models import Distribution
    from tests.webhooks.posts import pool_number

    times = {"sla_deadline": now + timedelta(minutes=5), "window_end": now + timedelta(hours=4)}
    distribution = Distribution.objects.create(
        kind="MANUAL",
        local_date=now.date(),
        planned_at=now,
        opened_at=now,
        state="SENDING",
        **times,
    )
    given = {"people": people, "token": TOKEN, "distribution": distribution.pk}
    with connection.cursor() as cursor:
        cursor.execute(FILL, {**given, "number": pool_number().pk})


def bodies(people: int, per: int, seconds: int) -> list[list[bytes]]:
    """Signed webhooks about so many messages, by the second in which they are posted."""
    from django.utils import timezone

    from distribution.ledger.attempts.ids import AttemptKey
    from tests.webhooks.posts import status, statuses

    now = timezone.now()
    fill(people, now)
    messages = [(pk, AttemptKey(pk, 1, TOKEN)) for pk in range(1, people + 1)]
    a_second = people // seconds
    rounds: list[list[Any]] = [[] for _ in range(seconds + 2)]
    for place, (pk, key) in enumerate(messages):
        for later, word in enumerate(WORDS):
            item = status(word, key, at=now, wamid=f"wamid.{pk:060}")
            rounds[min(place // a_second, seconds - 1) + later].append(item)
    for items in rounds:
        random.Random(1).shuffle(items)
    return [
        [statuses(*items[start : start + per]) for start in range(0, len(items), per)]
        for items in rounds
    ]


@contextmanager
def workers(env: dict[str, str], number: int, folder: Path) -> Iterator[list[int]]:
    """Process ids of workers that apply webhooks."""
    command = [sys.executable, "manage.py", "worker", "webhooks"]
    children = []
    for place in range(number):
        with (folder / f"worker{place}.log").open("wb") as log:
            children.append(
                subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)
            )
    try:
        yield [child.pid for child in children]
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(timeout=30)


class Lags(threading.Thread):
    """Looks at what is pending; `seconds` has for how long each webhook waited."""

    def __init__(self, start: int) -> None:
        super().__init__(daemon=True)
        self.seconds: list[float] = []
        self.pending: dict[int, datetime] = {}
        self.last, self.over = start, threading.Event()

    def run(self) -> None:
        while not self.over.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        from django.utils import timezone

        from webhooks.models import WebhookEvent

        came = WebhookEvent.objects.filter(pk__gt=self.last).order_by("pk")
        self.pending.update(came.values_list("pk", "received_at"))
        self.last = max([self.last, *self.pending])
        waiting = set(WebhookEvent.objects.pending().values_list("pk", flat=True))
        now = timezone.now()
        for pk in self.pending.keys() - waiting:
            self.seconds.append((now - self.pending.pop(pk)).total_seconds())


def measure(per: int, appliers: int, options: argparse.Namespace) -> dict[str, object]:
    """One run in a process of its own: Django is set up for one database only."""
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="daybreak-lag-"))
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL runs as another account
        url, database_cpu = stack.enter_context(databases("postgres", folder))
        broker = stack.enter_context(running_broker(folder / "broker"))
        env = environment(url, broker, folder)
        os.environ.update(env)
        import django

        django.setup()
        migrate(env)
        rate = options.rate if per == 1 else 5 * options.rate
        rounds = bodies(rate * options.seconds, per, options.seconds)
        posts = [[request(body) for body in second] for second in rounds]
        _, pid = stack.enter_context(
            web(env, "config.receiver:application", THREADS, folder / "web.log")
        )
        pids = stack.enter_context(workers(env, appliers, folder))
        time.sleep(20)  # the workers are up, and know each other
        return _post(posts, per, appliers, database_cpu, family(pid), pids)


def _post(
    posts: list[list[bytes]],
    per: int,
    appliers: int,
    database_cpu: Any,
    receiver: Any,
    pids: list[int],
) -> dict[str, object]:
    from webhooks.models import WebhookEvent

    applying = [process for pid in pids for process in family(pid)]
    lags = Lags(max([0, *WebhookEvent.objects.values_list("pk", flat=True)]))
    lags.start()
    before = cpu(receiver), database_cpu(), cpu(applying)
    began = time.monotonic()
    for place, second in enumerate(posts):
        time.sleep(max(0.0, began + place - time.monotonic()))
        asyncio.run(fire(port_of(receiver), second, LINKS))
    while WebhookEvent.objects.pending().exists():
        time.sleep(LOOK_SECONDS)
    after = cpu(receiver), database_cpu(), cpu(applying)
    lags.over.set()
    lags.join()
    lags.look()
    from distribution.models import Delivery

    total = len(WORDS) * Delivery.objects.count()
    assert set(Delivery.objects.values_list("progress", flat=True)) == {3}
    used = [
        round(1e6 * (late - early) / total, 1) for early, late in zip(before, after, strict=True)
    ]
    return {
        "per": per,
        "appliers": appliers,
        "statuses": total,
        "seconds": round(time.monotonic() - began, 1),
        "receiver": used[0],
        "postgresql": used[1],
        "workers": used[2],
        "p50": round(quantiles(lags.seconds, n=100)[49], 2),
        "p99": round(quantiles(lags.seconds, n=100)[98], 2),
        "longest": round(max(lags.seconds), 2),
    }


def port_of(receiver: Any) -> int:
    """The port in the server's own command line."""
    words = receiver[0].cmdline()
    return int(words[words.index("--port") + 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--per", default="1,50,1000", help="statuses a POST")
    parser.add_argument("--appliers", default="1,2", help="worker processes")
    parser.add_argument("--rate", type=int, default=300, help="messages a second")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--one", action="store_true", help="a single run, in this process")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(int(options.per), int(options.appliers), options)), flush=True)
        return
    for per in options.per.split(","):
        for appliers in options.appliers.split(","):
            again = [sys.executable, __file__, "--one", "--per", per, "--appliers", appliers]
            again += ["--rate", str(options.rate), "--seconds", str(options.seconds)]
            subprocess.run(again, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
