"""Uploaded lists: the job and its file."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class ImportState(models.TextChoices):
    CHECKING = "CHECKING", "Being checked"
    CHECKED = "CHECKED", "Checked, waiting for you"
    IMPORTING = "IMPORTING", "Being imported"
    DONE = "DONE", "Imported"
    REFUSED = "REFUSED", "Refused"  # the whole file, `problem` says why
    CANCELLED = "CANCELLED", "Cancelled"


class ImportJob(models.Model):
    """One uploaded list. Only `importing/jobs.py` writes it."""

    filename = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)  # SHA-256 of the file as it was uploaded
    state = models.CharField(max_length=9, choices=ImportState, default=ImportState.CHECKING)
    problem = models.CharField(max_length=500, blank=True, default="")
    consent_source = models.CharField(max_length=500, blank=True, default="")
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    # The moment that the import's evidence names: a second try must say the same as the first.
    confirmed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    lines = models.PositiveIntegerField(default=0)
    last_line = models.PositiveIntegerField(default=0)  # done to here, committed with the rows
    counts = models.JSONField(default=dict)
    checked = models.JSONField(default=dict)  # the counts of the check before it
    columns = models.JSONField(default=dict)  # what a person made of columns, by their place
    samples = models.JSONField(default=dict)  # some rows of each kind, as the check found them
    # Who works on it, until when: after that it may be taken over.
    runner = models.CharField(max_length=36, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=ImportState.values), name="importjob_state_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=Q(state__in=["CHECKING", "IMPORTING"]),
                name="importjob_running",
            ),
        ]
        verbose_name = "import"

    def __str__(self) -> str:
        return self.filename


class ImportFile(models.Model):
    """The bytes of an import, where every process can reach them; removed after some days.

    `importing/stored_files.py` writes, reads and deletes it together with its pieces.
    """

    job = models.OneToOneField(ImportJob, models.CASCADE, related_name="file")
    is_workbook = models.BooleanField(default=False)  # not yet turned into CSV
    content = models.BinaryField()  # all of it, or the first piece
    pieces = models.PositiveSmallIntegerField(default=0, db_default=0)  # after the first

    def __str__(self) -> str:
        return f"file of import {self.job_id}"


class ImportPiece(models.Model):
    """What follows the beginning of a long file."""

    job = models.ForeignKey(ImportJob, models.CASCADE, related_name="pieces", db_index=False)
    place = models.PositiveSmallIntegerField()  # counted from 1
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "place"], name="importpiece_once"),
        ]
        default_permissions = ()

    def __str__(self) -> str:
        return f"piece {self.place} of import {self.job_id}"
