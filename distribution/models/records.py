"""Signed records of what a distribution did, and the rows that they prove."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from distribution.models.distributions import Distribution


class RunRecord(models.Model):
    """One signed manifest. A later one of the same distribution supersedes it and leaves it as it
    is. Each holds the digest of the one before, of whatever distribution: one chain."""

    distribution = models.ForeignKey(Distribution, models.PROTECT, related_name="records")
    no = models.PositiveSmallIntegerField()  # 1: when it ended; 2: a day later; 3: a week later
    made_at = models.DateTimeField()
    manifest = models.TextField()  # JSON as in RFC 8785: the very bytes that are signed
    digest = models.CharField(max_length=64, unique=True)  # SHA-256 of the manifest, in hex
    previous = models.CharField(max_length=64, unique=True)  # digest; the first one has none: ""
    signature = models.BinaryField()  # Ed25519, of the manifest
    public_key = models.TextField()  # PEM; its private half is a file outside the database

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["distribution", "no"], name="record_once"),
            models.CheckConstraint(condition=Q(no__gte=1), name="record_no_positive"),
        ]

    def __str__(self) -> str:
        return f"Record {self.no} of {self.distribution}"


class RecordPart(models.Model):
    """Some rows of a record, compressed: one line of JSON for each delivery, in order. In the line
    of an erased person only the row's hash is left, so that the others can still be proved."""

    record = models.ForeignKey(RunRecord, models.CASCADE, related_name="parts")
    no = models.PositiveIntegerField()  # from 0
    first_delivery = models.BigIntegerField()  # primary keys, both included
    last_delivery = models.BigIntegerField()
    lines = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["record", "no"], name="record_part_once"),
        ]

    def __str__(self) -> str:
        return f"{self.record_id}/{self.no}"
