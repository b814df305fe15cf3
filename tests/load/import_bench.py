"""How long 100 000 rows take: check and import, of a CSV file, of JSON lines and of a workbook.

    python -m tests.load.import_bench [--rows 1000000] [--format csv|jsonl|xlsx]

On a SQLite file of its own; with TEST_DATABASE_URL on that server's test database. Each file is
read in by a process of its own, of which the table tells CPU and memory: the most that was its own
(PSS, read ten times a second) and that of the child that reads a workbook. A PostgreSQL server's
are not counted. At last all of them are exported, in a process of its own, too.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.db import connection  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402
from django.utils import timezone  # noqa: E402

from subscribers.importing import jobs  # noqa: E402
from subscribers.models import ImportJob, Subscriber  # noqa: E402
from subscribers.people import export  # noqa: E402
from tests.load.pss import pss_mb  # noqa: E402
from tests.load.sampling import Sampler  # noqa: E402
from tests.subscribers.workbooks import a_workbook  # noqa: E402

TIERS = ("BASIC", "PRO", "PREMIUM")
HEADER = ["Mobile", "Name", "Plan", "Language", "City"]


def rows(count: int, start: int) -> list[list[str]]:
    """People of whom one in a hundred has a bad number."""
    return [
        [
            "12" if n % 100 == 99 else f"98{start + n:08}",
            f"Person {n}",
            TIERS[n % 3],
            "hi" if n % 2 else "en",
            f"City {n % 700}",
        ]
        for n in range(count)
    ]


def a_csv(people: list[list[str]]) -> bytes:
    return "\n".join(",".join(row) for row in [HEADER, *people]).encode()


def json_lines(people: list[list[str]]) -> bytes:
    return "\n".join(json.dumps(dict(zip(HEADER, row, strict=True))) for row in people).encode()


def cpu_seconds() -> float:
    """User and system time of this process and of its children that ended."""
    return sum(os.times()[:4])


def peak(who: int) -> int:
    """MB of the largest that this process was, or the largest of its children."""
    return resource.getrusage(who).ru_maxrss // 1024


class Pss(Sampler):
    """The most memory that this process had to itself, with its share of what others use, too."""

    def __init__(self) -> None:
        super().__init__(seconds=0.1)
        self.peak_mb = 0

    def look(self) -> None:
        self.peak_mb = max(self.peak_mb, round(pss_mb()))


def apart(work: Callable[..., None], *told: object) -> None:
    """Do it in a process of its own: what it held does not count as the next one's."""
    connection.close()
    process = multiprocessing.get_context("fork").Process(target=work, args=told)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{work.__name__}{told}: exit code {process.exitcode}")


def write_file(path: Path, count: int, place: int) -> None:
    people = rows(count, place * 10_000_000)
    if path.suffix == ".xlsx":
        path.write_bytes(a_workbook(HEADER, *people))
    else:
        path.write_bytes((a_csv if path.suffix == ".csv" else json_lines)(people))


def measure(file: Path) -> None:
    started, cpu = time.monotonic(), cpu_seconds()
    with Pss() as memory:
        with file.open("rb") as source:
            job = jobs.submit(source, file.name, by="bench", now=timezone.now())
        jobs.run(job.pk, clock=timezone.now)
        checked, cpu_checked = time.monotonic(), cpu_seconds()
        jobs.confirm(job.pk, consent_source="bench", by="bench", now=timezone.now())
        jobs.run(job.pk, clock=timezone.now)
    ended, cpu_ended = time.monotonic(), cpu_seconds()
    job = ImportJob.objects.get(pk=job.pk)
    print(
        f"{file.name:<12} {job.state}"
        f" | check {checked - started:5.1f} s, import {ended - checked:5.1f} s"
        f" | CPU {cpu_checked - cpu:5.1f} + {cpu_ended - cpu_checked:5.1f} s"
        f" | {ended - started:.0f} s in all, PSS {memory.peak_mb} MB,"
        f" child {peak(resource.RUSAGE_CHILDREN)} MB"
        f" | {', '.join(f'{count} {name}' for name, count in job.counts.items() if count)}",
        flush=True,
    )


def measure_export() -> None:
    started, lines = time.monotonic(), 0
    with Pss() as memory:
        for _row in export.rows(Subscriber.objects.all()):
            lines += 1
    took = time.monotonic() - started
    print(f"export       {lines:,} lines | {took:.0f} s | PSS {memory.peak_mb} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--format", choices=("csv", "jsonl", "xlsx"))
    told = parser.parse_args()
    count, formats = told.rows, (told.format,) if told.format else ("csv", "csv", "jsonl", "xlsx")
    old = setup_databases(verbosity=0, interactive=False)
    try:
        print(f"{count:,} rows on {connection.vendor}", flush=True)
        with tempfile.TemporaryDirectory(prefix="daybreak-import-") as name:
            folder = Path(name)
            for place, kind in enumerate(dict.fromkeys(formats)):
                apart(write_file, folder / f"people.{kind}", count, place)
            for kind in formats:
                apart(measure, folder / f"people.{kind}")
        apart(measure_export)
        print(f"{Subscriber.objects.count():,} subscribers")
    finally:
        teardown_databases(old, verbosity=0)


if __name__ == "__main__":
    main()
