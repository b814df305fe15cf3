"""Who works on an import job, until when, and how far it is: committed as the work goes on.

A process that dies leaves a lease that ends; the next one goes on after the last line recorded.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from masking.phones import mask_phone
from subscribers.importing.columns import Refusal
from subscribers.importing.report import ImportObserver, ImportReport, RowResult
from subscribers.models import ImportJob, ImportState

COUNTS = ("total", "new", "changed", "unchanged", "kept_opted_out", "refused", "kept_inactive")
PLANNED = ("new", "changed", "unchanged", "kept_opted_out", "kept_inactive")
SAMPLES_LIMIT = 20  # rows of each kind that the check shows
PROGRESS_INTERVAL_SECONDS = 0.5  # between two progress updates of a check


class TakenOverError(Exception):
    """This import was cancelled, or taken over after the lease ended."""


def leased(job: ImportJob) -> QuerySet[ImportJob]:
    return ImportJob.objects.filter(pk=job.pk, runner=job.runner, state=job.state)


def lease_end(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.IMPORT_LEASE_SECONDS)


def end(job: ImportJob, state: ImportState, now: datetime, **facts: object) -> None:
    leased(job).update(state=state, ended_at=now, runner="", lease_until=None, **facts)


class ProgressRecorder(ImportObserver):
    """Records the progress of a job."""

    def __init__(self, job: ImportJob, clock: Callable[[], datetime]) -> None:
        self.job = job
        self.clock = clock
        self.resume_after_line = job.last_line
        self.planned = Counter({name: job.counts.get(name, 0) for name in PLANNED})
        self.samples: dict[str, list[dict[str, object]]] = {}
        self._recorded_at = time.monotonic()

    def counts(self, report: ImportReport) -> dict[str, int]:
        """The report's counts, with those of earlier tries."""
        return {name: getattr(report, name) for name in COUNTS} | dict(self.planned)

    def chunk_passed_over(self) -> None:
        if self._is_due():
            self._keep()

    def _is_due(self) -> bool:
        if time.monotonic() - self._recorded_at <= PROGRESS_INTERVAL_SECONDS:
            return False
        self._recorded_at = time.monotonic()
        return True

    def _keep(self, **facts: object) -> None:
        if not leased(self.job).update(lease_until=lease_end(self.clock()), **facts):
            raise TakenOverError


class CheckRecorder(ProgressRecorder):
    """Of a dry run, whose counts and sample rows are kept with the line they reach."""

    def __init__(self, job: ImportJob, clock: Callable[[], datetime]) -> None:
        super().__init__(job, clock)
        self.samples = {name: list(job.samples.get(name, [])) for name in PLANNED if job.last_line}

    def chunk_counted(
        self, report: ImportReport, results: Sequence[RowResult], last_line: int
    ) -> None:
        for result in results:
            shown = self.samples.setdefault(result.count, [])
            if len(shown) < SAMPLES_LIMIT:
                shown.append(_sample(result))
        before = {name: self.job.counts.get(name, 0) for name in PLANNED}
        self.planned = Counter({name: before[name] + getattr(report, name) for name in PLANNED})
        if self._is_due():
            kept = self.job.samples | {name: rows for name, rows in self.samples.items() if rows}
            self._keep(counts=self.counts(report), last_line=last_line, samples=kept)


class ImportRecorder(ProgressRecorder):
    """Of the real run: each chunk is written together with the line it ends on."""

    def __init__(self, job: ImportJob, clock: Callable[[], datetime]) -> None:
        super().__init__(job, clock)
        self._with_chunk = self.planned

    def chunk_written(self, plan: Counter[str], last_line: int) -> None:
        self._with_chunk = self.planned + plan
        self._keep(counts=dict(self._with_chunk), last_line=last_line)

    def chunk_counted(self, *_: object, **__: object) -> None:
        self.planned = self._with_chunk  # not before: a chunk that lost a race is tried again


def refusal_shown(refusal: Refusal) -> dict[str, object]:
    """A refused row as the check shows it."""
    return {
        "line": refusal.line,
        "column": refusal.column,
        "cell": refusal.raw,
        "reason": refusal.reason,
    }


def _sample(result: RowResult) -> dict[str, object]:
    row = result.row
    return {
        "line": row.line,
        "phone": mask_phone(row.phone),
        "name": row.details.get("name", ""),
        "changes": [list(change) for change in result.changes],
    }
