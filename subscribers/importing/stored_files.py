"""The file of an import job: its content as CSV, the titles of its columns, how long it is."""

from __future__ import annotations

import io

from django.utils.translation import gettext as _

from subscribers.importing.tables import workbook
from subscribers.importing.tables.csv_table import open_table
from subscribers.importing.tables.records import ImportRefused
from subscribers.models import ImportFile, ImportJob
from subscribers.text_cleaning import clean_line


def titles(job: ImportJob) -> list[str]:
    """The titles of the columns of its file, in order. Raises ImportRefused."""
    if ImportFile.objects.filter(job_id=job.pk, is_workbook=True).exists():
        raise ImportRefused(_("The workbook could not be read."))
    with open_table(io.BytesIO(content_of(job))) as table:
        return [clean_line(title) for title in table.header]


def content_of(job: ImportJob) -> bytes:
    """The file as CSV; a workbook is turned into it once and kept so."""
    file = ImportFile.objects.filter(job_id=job.pk).first()
    if file is None:
        raise ImportRefused(_("The file was deleted. Upload it again."))
    content = bytes(file.content)
    if file.is_workbook:
        content, notes = workbook.read_list(content)
        job.samples = {**job.samples, "notes": notes}
        ImportJob.objects.filter(pk=job.pk).update(samples=job.samples)
        ImportFile.objects.filter(pk=file.pk).update(content=content, is_workbook=False)
    return content


def last_filled_line(content: bytes) -> int:
    """About the number of the last line that holds anything, for the progress."""
    filled = content.rstrip(b'\r\n\t ,;|"\0')
    return max(filled.count(b"\n"), filled.count(b"\r")) + 1
