"""`demo --record`: the signed record of the demo's distribution, with every report."""

from __future__ import annotations

import time
from pathlib import Path

from django.utils import timezone

from config.demo.journal_verdict import SandboxClient
from config.demo.progress import print_line
from distribution.models import Distribution
from distribution.records import bundle, making, signing
from webhooks.models import WebhookEvent

POLL_INTERVAL_SECONDS = 0.5
LAST_REPORTS_SECONDS = 30.0


def wait_for_reports(sandbox: SandboxClient, *, seconds: float) -> None:
    """Until the sandbox has posted every report and all of them are applied, at most so long."""
    deadline = time.monotonic() + seconds
    pending = WebhookEvent.objects.filter(processed_at=None, dead_at=None)
    while time.monotonic() < deadline:
        if not sandbox.stats()["webhooks"]["pending"] and not pending.exists():
            return
        time.sleep(POLL_INTERVAL_SECONDS)


def write(distribution: Distribution, path: Path, sandbox: SandboxClient) -> None:
    """Make the record and write the file."""
    wait_for_reports(sandbox, seconds=LAST_REPORTS_SECONDS)
    record = making.make(distribution, signing.load(), now=timezone.now())
    record = record or distribution.records.latest("no")  # the timetable was faster
    with path.open("wb") as file:
        bundle.write(record, file)
    print_line(f"The signed record is in {path}: {bundle.name_of(record)}.")
