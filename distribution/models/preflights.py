"""Preflights: the tests before a morning, what each check found, and the messages they sent."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from phonepool.constraints import value_is_known
from phonepool.models import PhoneNumber


class PreflightState(models.TextChoices):
    RUNNING = "RUNNING", _("Running")
    DONE = "DONE", _("Done")


class PreflightVerdict(models.TextChoices):
    GREEN = "GREEN", _("Green")
    AMBER = "AMBER", _("Amber")
    RED = "RED", _("Red")


class Preflight(models.Model):
    """One preflight. Its slot is the time that it belongs to, so that each runs once."""

    slot = models.CharField(max_length=48, unique=True)
    sends = models.BooleanField()  # test messages; otherwise it only reads
    state = models.CharField(
        max_length=8, choices=PreflightState, default=PreflightState.RUNNING, db_default="RUNNING"
    )
    verdict = models.CharField(
        max_length=8, choices=PreflightVerdict, blank=True, default="", db_default=""
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )  # by hand; null: by the timetable
    plan = models.CharField(max_length=500, blank=True, default="", db_default="")  # in a sentence

    class Meta:
        ordering = ["-started_at", "-pk"]
        permissions = [("run_preflight", "Can test everything before a distribution")]
        constraints = [
            value_is_known("preflight", "state", PreflightState),
            models.CheckConstraint(
                condition=Q(verdict__in=["", *PreflightVerdict.values]),
                name="preflight_verdict_known",
            ),
        ]

    def __str__(self) -> str:
        return self.slot


class PreflightCheck(models.Model):
    """What one check found; `number` if it is about one."""

    preflight = models.ForeignKey(Preflight, models.CASCADE, related_name="checks")
    key = models.CharField(max_length=24)
    number = models.ForeignKey(PhoneNumber, models.PROTECT, null=True, related_name="+")
    result = models.CharField(max_length=12)
    seen = models.CharField(max_length=500)
    to_do = models.CharField(max_length=500, blank=True, default="", db_default="")
    # Whether a failure makes the preflight RED, not AMBER.
    serious = models.BooleanField(default=True, db_default=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.key}: {self.result}"


class PreflightMessage(models.Model):
    """A test message of one number to one phone of the staff. Its callback data names it."""

    preflight = models.ForeignKey(Preflight, models.CASCADE, related_name="messages")
    number = models.ForeignKey(PhoneNumber, models.PROTECT, related_name="+")
    token = models.CharField(max_length=16)  # random, in the callback data
    phone = models.CharField(max_length=20)  # masked
    at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    accepted = models.BooleanField(default=False, db_default=False)
    held = models.BooleanField(default=False, db_default=False)  # for quality assessment
    sent_at = models.DateTimeField(null=True)  # when the report was applied, as the next
    delivered_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    code = models.IntegerField(null=True)  # Meta's, of a refusal or failure
    details = models.CharField(max_length=300, blank=True, default="", db_default="")

    def __str__(self) -> str:
        return f"preflight:{self.pk}.{self.token}"

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to come that would change the verdict."""
        return bool(self.delivered_at or self.failed_at) or (
            self.answered_at is not None and not self.accepted
        )
