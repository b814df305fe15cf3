"""The one-time keys of forms that were sent, each with what it created."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models

KEPT_DAYS = 7  # a page that is revisited with Back is rarely older


class SentFormQuerySet(models.QuerySet["SentForm"]):
    def outdated(self, now: datetime) -> SentFormQuerySet:
        """Forms whose repetition is not recognised any more."""
        return self.filter(created_at__lt=now - timedelta(days=KEPT_DAYS))


class SentForm(models.Model):
    """A form that created something, written in the transaction that created it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=64)  # SHA-256 of the form's key, hexadecimal
    filled_in = models.CharField(max_length=64)  # keyed digest of what was posted, hexadecimal
    location = models.CharField(max_length=500, blank=True, default="")  # what it created
    created_at = models.DateTimeField(db_index=True)

    objects = SentFormQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="sent_form_once")]

    def __str__(self) -> str:
        return f"form {self.pk}"
