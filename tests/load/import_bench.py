"""How long 100 000 rows take: check and import, of a CSV file, of JSON lines and of a workbook.

    python -m tests.load.import_bench [ROWS]

On a SQLite file of its own; with TEST_DATABASE_URL on that server's test database.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.db import connection  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402
from django.utils import timezone  # noqa: E402

from subscribers import import_jobs  # noqa: E402
from subscribers.models import ImportJob, Subscriber  # noqa: E402
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


def measure(name: str, content: bytes) -> None:
    started, cpu = time.monotonic(), time.process_time()
    job = import_jobs.submit(content, name, by="bench", now=timezone.now())
    import_jobs.run(job.pk, clock=timezone.now)
    checked, cpu_checked = time.monotonic(), time.process_time()
    import_jobs.confirm(job.pk, consent_source="bench", by="bench", now=timezone.now())
    import_jobs.run(job.pk, clock=timezone.now)
    ended, cpu_ended = time.monotonic(), time.process_time()
    job = ImportJob.objects.get(pk=job.pk)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{name:<12} {job.state}  check {checked - started:5.1f} s  import {ended - checked:5.1f} s"
        f"  CPU {cpu_checked - cpu:5.1f} + {cpu_ended - cpu_checked:5.1f} s"
        f"  {job.counts}  peak {memory} MB"
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    old = setup_databases(verbosity=0, interactive=False)
    try:
        print(f"{count:,} rows on {connection.vendor}")
        first, second, third = (rows(count, start * 10_000_000) for start in range(3))
        measure("people.csv", a_csv(first))
        measure("again.csv", a_csv(first))
        measure("people.jsonl", json_lines(third))
        measure("people.xlsx", a_workbook(HEADER, *second))
        print(f"{Subscriber.objects.count():,} subscribers")
    finally:
        teardown_databases(old, verbosity=0)


if __name__ == "__main__":
    main()
