"""Import jobs: an upload is checked first and imported when a person confirms it; an upload that
names its consent source is confirmed already.

The work runs in the background and survives a kill: its progress is committed with the rows, and a
job whose lease has ended is taken over by the next worker.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from subscribers.audience_lock import one_at_a_time
from subscribers.importing import stored_files
from subscribers.importing.columns import REFUSAL_TITLES, Columns, Refusal
from subscribers.importing.recorders import (
    SAMPLES_LIMIT,
    CheckRecorder,
    ImportRecorder,
    TakenOverError,
    end,
    lease_end,
    leased,
    refusal_shown,
)
from subscribers.importing.repeated_phones import mark_repeated
from subscribers.importing.tables import workbook
from subscribers.importing.tables.csv_table import open_table
from subscribers.importing.tables.records import MAX_SIZE, ImportRefused
from subscribers.importing.upsert import import_csv
from subscribers.models import ImportFile, ImportJob, ImportState
from subscribers.spreadsheets import escape_formula, unescape_formula
from subscribers.text_cleaning import clean_line

UPLOAD_BYTES_LIMIT = MAX_SIZE
TRIES_LIMIT = 5  # processes that may die while working on one file
_STUCK = "This file could not be processed after several tries. Show it to your administrator."
RUNNING = (ImportState.CHECKING, ImportState.IMPORTING)
WAITING_LIMIT, WAITING_EACH = 40, 20  # files that wait to be read: of all, of one person or token
KEPT_BYTES_LIMIT, KEPT_BYTES_EACH = 2 * 2**30, 2**30


class TooManyWaitError(ImportRefused):
    """No further file is taken now; one may be later."""


def submit(
    content: bytes | BinaryIO, filename: str, *, by: str, now: datetime, consent_source: str = ""
) -> ImportJob:
    """Store a file; `run` checks it, or imports it at once if `consent_source` is given.

    Raises ImportRefused for a file that cannot be a list.
    """
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    _require_size(file)
    _require_room(by)
    source = cleaned(consent_source)
    with transaction.atomic():
        job = ImportJob.objects.create(
            filename=clean_line(filename.replace("\\", "/").rsplit("/", 1)[-1])[:100],
            digest=_digest(file),
            by=by,
            created_at=now,
            state=ImportState.IMPORTING if source else ImportState.CHECKING,
            consent_source=source,
            confirmed_at=now if source else None,
        )
        stored_files.store(job, file)
    return job


def _require_size(file: BinaryIO) -> None:
    file.seek(0)
    limit = workbook.MAX_SIZE if workbook.is_workbook(file.read(4)) else UPLOAD_BYTES_LIMIT
    size = file.seek(0, io.SEEK_END)
    if not size:
        raise ImportRefused(_("The file is empty. The first line must name the columns."))
    if size > limit:
        raise ImportRefused(
            _("The file is larger than %(limit)s MB. Split it.") % {"limit": limit // 2**20}
        )


def _digest(file: BinaryIO) -> str:
    """Leaves the file at its beginning."""
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(stored_files.BLOCK_BYTES):
        digest.update(block)
    file.seek(0)
    return digest.hexdigest()


def _require_room(by: str) -> None:
    """Raise TooManyWaitError while many files wait to be read: they are read one at a time."""
    waiting = ImportJob.objects.filter(state__in=RUNNING)
    if waiting.filter(by=by).count() >= WAITING_EACH or waiting.count() >= WAITING_LIMIT:
        raise TooManyWaitError(_("Too many files are waiting. Try again when some are done."))
    of_all, own = stored_files.kept_bytes(by)
    if own >= KEPT_BYTES_EACH or of_all >= KEPT_BYTES_LIMIT:
        raise TooManyWaitError(
            _(
                "No space for more files. Files are kept for %(days)s "
                "days. Try again when the oldest are deleted."
            )
            % {"days": settings.IMPORT_KEEP_DAYS}
        )


def confirm(job_id: int, *, consent_source: str, by: str, now: datetime) -> bool:
    """A checked file may be imported; False if it is no longer waiting for that."""
    source = cleaned(consent_source)
    if not source:
        raise ImportRefused(_("Enter how these people consented (consent source)."))
    checked = ImportJob.objects.filter(pk=job_id, state=ImportState.CHECKED, file__isnull=False)
    return bool(
        checked.update(
            state=ImportState.IMPORTING,
            consent_source=source,
            by=by,
            confirmed_at=now,
            last_line=0,
            tries=0,
            counts={},
            lease_until=None,
        )
    )


def choose_columns(job_id: int, chosen: Mapping[str, str]) -> bool:
    """Check a file again with columns as a person wants them; False once it was decided.

    A file that was refused for its columns may be tried so, too.
    """
    waiting = Q(state=ImportState.CHECKED) | Q(state=ImportState.REFUSED, confirmed_at=None)
    notes = ImportJob.objects.get(pk=job_id).samples.get("notes", [])  # of its sheets
    return bool(
        ImportJob.objects.filter(waiting, pk=job_id, file__isnull=False).update(
            state=ImportState.CHECKING,
            columns=dict(chosen),
            problem="",
            last_line=0,
            tries=0,
            counts={},
            samples={"notes": notes},
            ended_at=None,
            lease_until=None,
        )
    )


def cleaned(consent_source: str) -> str:
    """The consent source as a job keeps it."""
    return clean_line(consent_source)[:500]


def cancel(job_id: int, *, now: datetime) -> bool:
    """Stop a job. What an import has written by then stays; the rest is not written."""
    open_still = ImportJob.objects.filter(pk=job_id, state__in=[*RUNNING, ImportState.CHECKED])
    return bool(open_still.update(state=ImportState.CANCELLED, ended_at=now, runner=""))


def waiting(now: datetime) -> list[int]:
    """Jobs without a lease, the oldest first: new ones, and those whose process died."""
    return list(_free(now).order_by("pk").values_list("pk", flat=True))


def run(job_id: int, *, clock: Callable[[], datetime]) -> bool:
    """Do the next step of a job; False if another process holds its lease, or works on another."""
    runner = str(uuid.uuid4())
    if not _claim(job_id, runner, clock()):
        return False
    job = ImportJob.objects.get(pk=job_id)
    try:
        if job.tries > TRIES_LIMIT:
            raise ImportRefused(_STUCK)
        _step(job, clock)
    except ImportRefused as refusal:
        end(job, ImportState.REFUSED, clock(), problem=str(refusal)[:500])
    except TakenOverError:
        return False
    return True


def _claim(job_id: int, runner: str, now: datetime) -> bool:
    """Take the lease of a job if no job has a living one: imports run one at a time, because each
    may take a core and, in the process that opens a workbook, a gigabyte."""
    others = ImportJob.objects.filter(state__in=RUNNING, lease_until__gte=now)
    with transaction.atomic():
        one_at_a_time()
        if others.exists():
            return False
        claimed = _free(now).filter(pk=job_id)
        return bool(claimed.update(runner=runner, lease_until=lease_end(now), tries=F("tries") + 1))


def refused_rows(job: ImportJob) -> Iterator[list[str]]:
    """The refused lines as in the file, with line number and reason before them.

    Formulas are escaped. Corrected, the same file can be imported, which leaves the first two
    columns out. Raises ImportRefused when the file is gone.
    """
    with stored_files.opened(job) as file, open_table(file) as table:
        columns = Columns(table.header, job.columns)
        yield [*REFUSAL_TITLES, *map(escape_formula, table.header)]
        for record, row in mark_repeated(table.records(), columns):
            if isinstance(row, Refusal):
                where = f"{row.column}: " if row.column else ""
                reason = escape_formula(f"{where}{row.reason}")
                cells = (escape_formula(unescape_formula(cell)) for cell in record.cells)
                yield [str(row.line), reason, *cells]


def delete_old_files(now: datetime) -> int:
    """Delete uploads older than IMPORT_KEEP_DAYS; returns how many."""
    old = now - timedelta(days=settings.IMPORT_KEEP_DAYS)
    files = ImportFile.objects.filter(job__created_at__lt=old).exclude(job__state__in=RUNNING)
    ended = files.values_list("job_id", flat=True)
    ImportJob.objects.filter(pk__in=ended, state=ImportState.CHECKED).update(
        state=ImportState.CANCELLED, ended_at=now
    )
    return stored_files.delete(files)


def progress(job: ImportJob) -> int:
    """How far it is, in per cent."""
    if job.state not in RUNNING:
        return 100
    return min(99, 100 * job.last_line // job.lines) if job.lines else 0


def _step(job: ImportJob, clock: Callable[[], datetime]) -> None:
    checking = job.state == ImportState.CHECKING
    with stored_files.opened(job) as file:
        lines = stored_files.last_filled_line(file)
        leased(job).update(lines=lines, lease_until=lease_end(clock()))
        recorder = CheckRecorder(job, clock) if checking else ImportRecorder(job, clock)
        report = import_csv(
            file,
            consent_source=job.consent_source,
            now=job.confirmed_at or clock(),
            clock=clock,
            dry_run=checking,
            filename=job.filename,
            actor=job.by,
            observer=recorder,
            chosen=job.columns,
            job_id=job.pk,
        )
    counts = recorder.counts(report)
    refused = [refusal_shown(refusal) for refusal in report.refusals[:SAMPLES_LIMIT]]
    notes = list(dict.fromkeys([*job.samples.get("notes", []), *report.notes]))
    shown = {name: rows for name, rows in recorder.samples.items() if rows}
    found = {**shown, "refused": refused, "notes": notes}
    facts = {"counts": counts, "samples": job.samples | found}
    if checking:
        end(job, ImportState.CHECKED, clock(), checked=counts, **facts)
    else:
        end(job, ImportState.DONE, clock(), **facts)


def _free(now: datetime) -> QuerySet[ImportJob]:
    """Jobs that may be worked on and that no process works on."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    return ImportJob.objects.filter(free, state__in=RUNNING)
