"""What is known about the set-up of the WhatsApp account: results of its checks, test messages."""

from __future__ import annotations

from django.db import models


class SetupResult(models.Model):
    """The latest result of one check: read by pages that must not wait for Meta."""

    key = models.CharField(primary_key=True, max_length=24)
    result = models.CharField(max_length=12)
    seen = models.CharField(max_length=500)
    to_do = models.CharField(max_length=500, blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        permissions = [("set_up", "Can set up the WhatsApp account")]

    def __str__(self) -> str:
        return f"{self.key}: {self.result}"


class SetupMessage(models.Model):
    """A test message to a phone of the staff, and what WhatsApp reported of it."""

    # SHA-256 of Meta's message id: the id itself holds the number.
    digest = models.CharField(max_length=64, unique=True)
    template = models.CharField(max_length=600)
    at = models.DateTimeField()
    status = models.CharField(max_length=12, blank=True, default="")  # Meta's latest word
    status_at = models.DateTimeField(null=True)
    details = models.CharField(max_length=300, blank=True, default="")  # of a failure

    class Meta:
        get_latest_by = ("at", "pk")

    def __str__(self) -> str:
        return f"{self.template} {self.status}".strip()
