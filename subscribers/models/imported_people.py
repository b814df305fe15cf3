"""Whom an import added, whom it named again, and that it is to be undone: the records."""

from __future__ import annotations

from django.db import models


class ImportedPerson(models.Model):
    """A person whom an import added, or one added lately whom a later import named again.

    Kept for some days only: see `importing/provenance.py`, the only writer.
    """

    # None: `manage.py import_subscribers`, which is no job
    job = models.ForeignKey(
        "subscribers.ImportJob", models.CASCADE, null=True, related_name="people", db_index=False
    )
    subscriber = models.ForeignKey("subscribers.Subscriber", models.CASCADE, related_name="+")
    is_new = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "subscriber"], name="imported_person_once"),
        ]
        default_permissions = ()  # shown on no page
        verbose_name_plural = "imported people"

    def __str__(self) -> str:
        return f"subscriber {self.subscriber_id} of import {self.job_id}"


class ImportUndo(models.Model):
    """That an import is to be undone, and how far that is. Only `importing/undo.py` writes it."""

    job = models.OneToOneField("subscribers.ImportJob", models.CASCADE, related_name="undo")
    reason = models.CharField(max_length=200)
    by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    people = models.PositiveIntegerField()  # whom the import added
    removed = models.PositiveIntegerField(default=0)
    kept = models.JSONField(default=dict)  # people by the reason for which they stay
    last_subscriber = models.BigIntegerField(default=0)  # done to here, committed with the rows
    # Who works on it, until when: after that it may be taken over.
    runner = models.CharField(max_length=36, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=models.Q(ended_at=None),
                name="importundo_running",
            ),
        ]
        default_permissions = ()  # shown on the page of the import

    def __str__(self) -> str:
        return f"undo of import {self.job_id}"

    @property
    def done(self) -> int:
        """People who were removed, or kept with a reason."""
        return self.removed + sum(int(count) for count in self.kept.values())
