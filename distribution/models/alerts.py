"""Conditions that a person should know of: opened once, closed once, unique while open."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from phonepool.constraints import value_is_known


class Severity(models.TextChoices):
    CRITICAL = "CRITICAL"
    WARNING = "WARNING"


class Alert(models.Model):
    rule = models.CharField(max_length=40)
    scope = models.CharField(max_length=80, blank=True, default="")
    severity = models.CharField(max_length=8, choices=Severity)
    message = models.CharField(max_length=500)
    opened_at = models.DateTimeField()
    notified_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    # A person has taken it on; it stays open until the condition is over.
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    # How, unless that person was signed in: through PagerDuty or a link, and of which channel.
    acknowledged_via = models.CharField(max_length=120, blank=True, default="", db_default="")
    critical_at = models.DateTimeField(null=True, blank=True)  # since when; escalation counts it
    # Opened less than AGAIN_WITHIN after it had closed.
    again = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering = ["-opened_at"]
        permissions = [("acknowledge_alert", "Can acknowledge an alert")]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "scope"],
                condition=Q(closed_at__isnull=True),
                name="alert_unique_while_open",
            ),
            value_is_known("alert", "severity", Severity),
        ]

    def __str__(self) -> str:
        return self.message
