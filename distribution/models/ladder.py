"""What is sent if the planned content cannot be: fixed the evening before, rung by rung."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from distribution.models.content import Content, MessageTemplate
from phonepool.constraints import value_is_known


class RungKind(models.TextChoices):
    PLANNED = "PLANNED", _("Planned content")
    SIBLING = "SIBLING", _("Same words, another template")
    FALLBACK = "FALLBACK", _("Fallback content")


class Ladder(models.Model):
    """The rungs of a day's daily distribution, or of another one. It never changes: if something in
    it is gone, a new one is written beside it, and the latest counts."""

    day = models.DateField(db_index=True)
    # Null: of the day's daily distribution, which is not stored yet the evening before.
    distribution = models.ForeignKey(
        "distribution.Distribution", models.PROTECT, null=True, related_name="ladders"
    )
    frozen_at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True, default="")  # empty: it is the first

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"Ladder of {self.day:%-d %b %Y}"


class LadderRung(models.Model):
    """One content on one template: the first is what is sent, the others take over in order."""

    ladder = models.ForeignKey(Ladder, models.PROTECT, related_name="rungs", db_index=False)
    place = models.PositiveSmallIntegerField()  # 0: the first
    kind = models.CharField(max_length=8, choices=RungKind)
    content = models.ForeignKey(Content, models.PROTECT, related_name="+", db_index=False)
    message_template = models.ForeignKey(
        MessageTemplate, models.PROTECT, related_name="+", db_index=False
    )
    template_fingerprint = models.CharField(max_length=64)  # what was approved
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    approved_at = models.DateTimeField(null=True)
    during_run = models.BooleanField()  # whether a running distribution may change to it
    taken_at = models.DateTimeField(null=True)  # by its distribution, while it ran

    class Meta:
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["ladder", "place"], name="rung_once"),
            value_is_known("rung", "kind", RungKind),
        ]

    def __str__(self) -> str:
        return f"“{self.content.title}” with {self.message_template}"
