"""What Prometheus costs: storing the figures of a running distribution, and one scrape.

    python tests/load/figures_bench.py [--sizes 2000,100000] [--rounds 30]
    python .ci/with_services.py python tests/load/figures_bench.py

*Share of a core* is the CPU of this process, and of the database where it is a process of its own,
divided by the time until the sheet is written again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, median

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django  # noqa: E402

django.setup()

import psutil  # noqa: E402
from django.db import connection  # noqa: E402
from django.test.runner import DiscoverRunner  # noqa: E402
from django.utils import timezone  # noqa: E402

from distribution.metrics import keeping, live, run_figures  # noqa: E402
from distribution.models import Distribution, StoredFigures  # noqa: E402
from tests.mornings import a_morning  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="2000,100000")
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    runner = DiscoverRunner(verbosity=0, interactive=False)
    made = runner.setup_databases()
    try:
        for size in (int(word) for word in options.sizes.split(",")):
            measure(size, options.rounds)
    finally:
        runner.teardown_databases(made)


def measure(people: int, rounds: int) -> None:
    """A line for each sheet and one for a scrape, with so many people."""
    Distribution.objects.filter(state="SENDING").update(
        state="COMPLETED", completed_at=timezone.now()
    )
    a_morning(people, now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    for name in keeping.MAKERS:
        costs = [_write(name) for _ in range(rounds)]
        cpu, took = _typical(costs)
        slow = keeping.SLOW_PAUSES.get(name)
        pause = max(slow, took / keeping.SLOW_SHARE) if slow else keeping.pause_after(cpu, people)
        print(
            f"{connection.vendor} {people:>7} {name:10} {cpu * 1000:6.1f} ms CPU,"
            f" {took * 1000:6.1f} ms, every {pause:4.1f} s: {cpu / pause:.2%} of a core",
            flush=True,
        )
    scrapes = [_spent(live.read) for _ in range(rounds)]
    cpu, took = _typical(scrapes)
    spent = f"{cpu * 1000:6.1f} ms CPU, {took * 1000:6.1f} ms"
    print(f"{connection.vendor} {people:>7} scrape     {spent}", flush=True)


def _write(name: str) -> tuple[float, float]:
    def work() -> None:
        now = timezone.now()
        last = StoredFigures.objects.filter(pk=name).first()
        assert keeping.store(
            name, last, keeping.MAKERS[name](last, run_figures.running(), now), now
        )

    return _spent(work)


def _spent(work: Callable[[], object]) -> tuple[float, float]:
    server = _server()
    before, began = time.process_time() + _cpu(server), time.monotonic()
    work()
    took = time.monotonic() - began
    return time.process_time() + _cpu(server) - before, took


def _typical(costs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The mean of the CPU, which of another process is known in hundredths of a second only,
    and the median of the time."""
    return mean(cpu for cpu, _ in costs), median(took for _, took in costs)


def _server() -> psutil.Process | None:
    """The server's process of this connection."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return psutil.Process(cursor.fetchone()[0])


def _cpu(server: psutil.Process | None) -> float:
    if server is None:
        return 0.0
    times = server.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
