"""How many messages a second one process takes through the ledger when calls cost next to nothing.

    python tests/load/null_transport_bench.py [--people 20000] [--runs 3] [--answer 0.05]

Opens a distribution on a throwaway PostgreSQL with fsync and sends its batches as a worker does,
ten at a time: claim, slots, mark, gate, outcome. In place of connections a stub waits for
`--answer` seconds and accepts. Not in it: task queue, sockets and Meta's reports. CPU is that of
this process and of PostgreSQL. The exit code is 0 only if everybody was accepted, once.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.load import servers
from tests.load.opening_bench import PEOPLE

NUMBERS = 3
serial = itertools.count(1)  # of message ids
RATE = 5_000  # of each number: more than the process can do
BATCHES_AT_ONCE = 10  # as QUEUE_CONCURRENCY has it


def null_api(answer: float) -> tuple[Any, list[str]]:
    """A client whose connections accept everything after so many seconds; and a list of what they
    took, one for each message."""
    from phonepool.cloud_api.client import CloudApi
    from phonepool.cloud_api.transport import Response

    taken: list[str] = []

    class Null:
        def post(self, path: str, body: bytes, *, guard: Callable[[], None]) -> Response:
            guard()
            taken.append(path)
            time.sleep(answer)
            text = b'{"contacts":[{"wa_id":"1"}],"messages":[{"id":"wamid.%d"}]}' % next(serial)
            return Response(200, {"content-type": "application/json"}, text)

        def close(self) -> None:
            """Nothing is open."""

    transport: Any = Null()  # it only posts
    api = CloudApi(
        "http://127.0.0.1:9", "v25.0", "t", connect_timeout=3, read_timeout=20,
        concurrency=384, transport=transport,
    )  # fmt: skip
    return api, taken


def run(people: int, answer: float, server_cpu: Callable[[], float]) -> bool:
    """Send one distribution and print what it took; whether everybody was accepted, once."""
    from django.db import connection
    from django.utils import timezone

    from distribution.lifecycle import opening, preparing
    from distribution.models import Delivery, Distribution
    from distribution.sending import batch
    from tests.builders import a_planned_distribution

    planned = a_planned_distribution(timezone.now())
    assert opening.open_distribution(planned.pk, now=timezone.now())
    while preparing.freeze_next(planned.pk, now=timezone.now()):
        pass
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE distribution_delivery")
    batches = Distribution.objects.get(pk=planned.pk).batches
    api, taken = null_api(answer)

    def send(number: int) -> None:
        batch.send_batch(planned.pk, number, api=api)

    cpu, server, began = time.process_time(), server_cpu(), time.monotonic()
    with ThreadPoolExecutor(BATCHES_AT_ONCE) as pool:
        list(pool.map(send, range(batches)))
    wall = time.monotonic() - began
    rows = Delivery.objects.filter(distribution=planned.pk)
    while rows.filter(state="INFLIGHT").exists():  # the last answers are written in the background
        time.sleep(0.05)
    cpu, server = time.process_time() - cpu, server_cpu() - server
    accepted = rows.filter(state="ACCEPTED").count()
    each = 1e6 / people
    print(
        f"{people:,} people in {batches:,} batches: {accepted / wall:,.0f} accepted per second, "
        f"CPU {(cpu + server) * each:.0f} µs a message = process {cpu * each:.0f} "
        f"+ PostgreSQL {server * each:.0f}",
        flush=True,
    )
    over = Distribution.objects.filter(pk=planned.pk)
    over.update(state="COMPLETED", completed_at=planned.planned_at)
    api.close()
    return accepted == len(taken) == people


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--answer", type=float, default=0.05, help="seconds")
    options = parser.parse_args()
    os.environ["LOG_LEVEL"] = "error"
    os.environ["WHATSAPP_ACCESS_TOKEN"] = "a token for the benchmark only"
    with servers.django_on_postgres() as server_cpu:
        from django.db import connection

        from config.processes import garbage
        from tests.builders import a_number, a_portfolio

        garbage.collect_seldom()  # as a worker does
        account = a_portfolio()
        for _ in range(NUMBERS):
            a_number(rate_per_second=RATE, daily_capacity=10_000_000, portfolio=account)
        with connection.cursor() as cursor:
            cursor.execute(PEOPLE, [options.people])
            cursor.execute("VACUUM ANALYZE subscribers_subscriber")
        good = [run(options.people, options.answer, server_cpu) for _ in range(options.runs)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
