"""What Meta and our own signals say about the quality of numbers and message templates."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from distribution.models.content import MessageTemplate
from phonepool.constraints import value_is_known
from phonepool.models import PhoneNumber
from subscribers.append_only import AppendOnly


class QualitySource(models.TextChoices):
    POLL = "POLL", _("read from Meta")
    WEBHOOK = "WEBHOOK", _("notice from Meta")
    PROXY = "PROXY", _("Daybreak's own count")


class QualityChange(AppendOnly):
    """The quality of one number or one template changed. Append-only."""

    number = models.ForeignKey(PhoneNumber, models.PROTECT, null=True, related_name="+")
    template = models.ForeignKey(MessageTemplate, models.PROTECT, null=True, related_name="+")
    before = models.CharField(max_length=12, blank=True)
    after = models.CharField(max_length=12, blank=True)
    source = models.CharField(max_length=7, choices=QualitySource)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            value_is_known("qualitychange", "source", QualitySource),
            models.CheckConstraint(
                condition=Q(number__isnull=False, template=None)
                | Q(number=None, template__isnull=False),
                name="quality_of_number_or_template",
            ),
        ]
        indexes = [
            models.Index(fields=["number", "at"], name="quality_of_number"),
            models.Index(fields=["template", "at"], name="quality_of_template"),
        ]

    def __str__(self) -> str:
        return f"{self.before or '–'} → {self.after or '–'}"


class DailySignals(models.Model):
    """How the people of one morning reacted to one template from one number, in sums: what the
    block rate is reckoned from. Written by `distribution/quality/signals.py` only."""

    day = models.DateField()
    template = models.ForeignKey(MessageTemplate, models.PROTECT, related_name="+", db_index=False)
    number = models.ForeignKey(PhoneNumber, models.PROTECT, related_name="+", db_index=False)
    delivered = models.PositiveIntegerField()  # people that the message reached
    read = models.PositiveIntegerField()  # of them within 24 h
    # Hard signals, each person once, within 24 h of the delivery.
    stop_words = models.PositiveIntegerField()  # wrote STOP, or pressed the button
    stops = models.PositiveIntegerField()  # used WhatsApp's own "stop"
    refusals = models.PositiveIntegerField()  # Meta refused with 131050 for the first time
    silent = models.PositiveIntegerField()  # soft: went silent
    held = models.PositiveIntegerField()  # held by Meta's pacing
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["day", "template", "number"], name="signals_once")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.template_id}/{self.number_id}"
