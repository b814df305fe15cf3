"""A real process is killed in the middle of an import; another one goes on. No line twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from subscribers.importing import jobs
from subscribers.models import ConsentEvent, ImportJob, Subscriber
from tests.processes import own_database

ROWS = 3_000
PATIENCE = 120.0

# What a worker does; told to, it stops inside the third chunk's transaction for ever.
WORKER = """
import sys, time, pathlib
import django
django.setup()
from subscribers.importing import jobs as import_jobs
from subscribers import tasks

if len(sys.argv) > 1:
    keep, chunks = import_jobs.ImportRecorder.chunk_written, []
    def chunk_written(self, plan, last_line):
        keep(self, plan, last_line)
        chunks.append(last_line)
        if len(chunks) == 3:
            pathlib.Path(sys.argv[1]).touch()
            time.sleep(3600)
    import_jobs.ImportRecorder.chunk_written = chunk_written
tasks.tend_imports()
"""


def a_worker(*arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DATABASE_URL": own_database(), "IMPORT_LEASE_SECONDS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, *arguments], env=environment, cwd=settings.BASE_DIR
    )


def wait_until(met: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.django_db(transaction=True)
def test_an_import_whose_process_is_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    lines = "\n".join(f'{{"phone": "98{n:08}", "name": "Person {n}"}}' for n in range(ROWS))
    job = jobs.submit(
        lines.encode(), "crm.jsonl", by="crm", now=timezone.now(), consent_source="Form of June"
    )
    reached = tmp_path / "reached"

    first = a_worker(str(reached))
    try:
        wait_until(lambda: reached.exists() or first.poll() is not None)
        first.kill()
    finally:
        first.kill()
        first.wait()
    job.refresh_from_db()
    assert (job.state, job.last_line) == ("IMPORTING", 1_000)
    assert Subscriber.objects.count() == 1_000
    wait_until(lambda: jobs.waiting(timezone.now()))  # its lease is over
    assert a_worker().wait(PATIENCE) == 0

    job = ImportJob.objects.get()
    assert job.state == "DONE"
    assert {name: count for name, count in job.counts.items() if count} == {
        "total": ROWS,
        "new": ROWS,
    }
    assert Subscriber.objects.count() == ROWS
    assert ConsentEvent.objects.count() == ROWS
