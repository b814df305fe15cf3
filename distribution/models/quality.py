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
    sent = models.PositiveIntegerField(default=0, db_default=0)  # accepted by Meta
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


class TemplateComparison(models.Model):
    """What Meta last said of two templates of a group: which one is blocked less, and why people
    block them. A refusal leaves the last answer as it is. Written by
    `distribution/mirror/template_comparison.py` only."""

    template = models.ForeignKey(MessageTemplate, models.PROTECT, related_name="+", db_index=False)
    other = models.ForeignKey(MessageTemplate, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    error = models.CharField(max_length=200, blank=True)  # of the latest call; empty: answered
    # The latest answer.
    answered_at = models.DateTimeField(null=True)
    window_days = models.PositiveSmallIntegerField(null=True)
    less_blocked = models.ForeignKey(
        MessageTemplate, models.PROTECT, null=True, related_name="+", db_index=False
    )
    template_sends = models.PositiveIntegerField(null=True)
    other_sends = models.PositiveIntegerField(null=True)
    template_reason = models.CharField(max_length=40, blank=True)
    other_reason = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["template", "other"], name="comparison_once"),
            models.CheckConstraint(
                condition=Q(template__lt=models.F("other")), name="comparison_in_order"
            ),
            models.CheckConstraint(
                condition=Q(answered_at=None) | Q(less_blocked__isnull=False),
                name="comparison_answer_has_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template_id}/{self.other_id}"
