"""The file of an import job: in pieces in the database, copied to disk to be read.

No process holds a long list in memory, neither who uploads it nor who imports it.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Length
from django.utils.translation import gettext as _

from subscribers.importing.tables import workbook
from subscribers.importing.tables.csv_table import open_table
from subscribers.importing.tables.records import ImportRefused
from subscribers.models import ImportFile, ImportJob, ImportPiece
from subscribers.text_cleaning import clean_line

PIECE_BYTES = 4 * 2**20
BLOCK_BYTES = 2**16
_DELETED = "The file was deleted. Upload it again."
_PADDING = b'\r\n\t ,;|"\0'


def store(job: ImportJob, source: BinaryIO) -> None:
    """Keep the file of a new job; call it in the transaction that makes the job."""
    first = source.read(PIECE_BYTES)
    file = ImportFile.objects.create(
        job=job, content=first, is_workbook=workbook.is_workbook(first[:4])
    )
    _store_rest(file, source)


def titles(job: ImportJob) -> list[str]:
    """The titles of the columns of its file, in order. Raises ImportRefused."""
    if ImportFile.objects.filter(job_id=job.pk, is_workbook=True).exists():
        raise ImportRefused(_("The workbook could not be read."))
    with opened(job) as file, open_table(file) as table:
        return [clean_line(title) for title in table.header]


@contextmanager
def opened(job: ImportJob) -> Iterator[BinaryIO]:
    """The file as text; a workbook is turned into CSV once and kept so."""
    file = ImportFile.objects.filter(job_id=job.pk).first()
    if file is None:
        raise ImportRefused(_(_DELETED))
    if file.is_workbook:
        content, notes = workbook.read_list(b"".join(_pieces(file)))
        job.samples = {**job.samples, "notes": notes}
        ImportJob.objects.filter(pk=job.pk).update(samples=job.samples)
        _replace(file, content)
        yield io.BytesIO(content)
        return
    if not file.pieces:
        yield io.BytesIO(bytes(file.content))
        return
    with tempfile.TemporaryFile() as copy:
        for piece in _pieces(file):
            copy.write(piece)
        copy.seek(0)
        yield copy


def texts(file: ImportFile) -> Iterator[str]:
    """What it says, a piece at a time, cut at the ends of lines where it has any."""
    begun = b""
    with suppress(ImportRefused):  # deleted meanwhile
        for piece in _pieces(file):
            end = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1 or len(piece)
            yield (begun + piece[:end]).decode("utf-8", "replace")
            begun = piece[end:]
    yield begun.decode("utf-8", "replace")


def delete(files: QuerySet[ImportFile]) -> int:
    """Delete these files with all their pieces; how many."""
    with transaction.atomic():
        jobs = list(files.values_list("job_id", flat=True))
        ImportPiece.objects.filter(job__in=jobs).delete()
        return ImportFile.objects.filter(job__in=jobs).delete()[0]


def kept_bytes(by: str) -> tuple[int, int]:
    """How much is kept, of all and of one person or token."""
    both = [
        rows.aggregate(all=Sum(Length("content")), own=Sum(Length("content"), filter=Q(job__by=by)))
        for rows in (ImportFile.objects.all(), ImportPiece.objects.all())
    ]
    return sum(one["all"] or 0 for one in both), sum(one["own"] or 0 for one in both)


def last_filled_line(file: BinaryIO) -> int:
    """About the number of the last line that holds anything, for the progress."""
    file.seek(0)
    ends = {b"\n": 0, b"\r": 0}  # as far as something follows them
    waiting = dict(ends)
    while block := file.read(BLOCK_BYTES):
        filled = block.rstrip(_PADDING)
        for mark in ends:
            if filled:
                ends[mark] += waiting[mark] + filled.count(mark)
                waiting[mark] = 0
            waiting[mark] += block.count(mark, len(filled))
    file.seek(0)
    return max(ends.values()) + 1


def _store_rest(file: ImportFile, source: BinaryIO) -> None:
    while piece := source.read(PIECE_BYTES):
        file.pieces += 1
        ImportPiece.objects.create(job_id=file.job_id, place=file.pieces, content=piece)
    if file.pieces:
        ImportFile.objects.filter(pk=file.pk).update(pieces=file.pieces)


def _replace(file: ImportFile, content: bytes) -> None:
    """The CSV in place of the workbook, unless the file was deleted meanwhile."""
    with transaction.atomic():
        rows = ImportFile.objects.filter(pk=file.pk)
        first = content[:PIECE_BYTES]
        if rows.update(content=first, is_workbook=False, pieces=0):
            ImportPiece.objects.filter(job=file.job_id).delete()
            file.pieces = 0
            _store_rest(file, io.BytesIO(content[PIECE_BYTES:]))


def _pieces(file: ImportFile) -> Iterator[bytes]:
    yield bytes(file.content)
    for place in range(1, file.pieces + 1):
        rows = ImportPiece.objects.filter(job=file.job_id, place=place)
        piece = rows.values_list("content", flat=True).first()
        if piece is None:  # half a list is none
            raise ImportRefused(_(_DELETED))
        yield bytes(piece)
