"""Message templates that may stand in for each other, and every change of the one in use."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from distribution.models.content import MessageTemplate
from distribution.models.groups import RotationGroup
from phonepool.constraints import value_is_known
from subscribers.append_only import AppendOnly


class RotationCause(models.TextChoices):
    """Why another template of a group was taken into use."""

    MANUAL = "MANUAL", _("By hand")
    BLOCK_RATE = "BLOCK_RATE", _("Block rate")
    META_QUALITY = "META_QUALITY", _("Quality at Meta")
    WORSE = "WORSE", _("Worse than before")


class RotationChange(AppendOnly):
    """A group's primary was changed: from which, to which, why, and by whom. Append-only."""

    group = models.ForeignKey(RotationGroup, models.PROTECT, related_name="changes")
    before = models.ForeignKey(MessageTemplate, models.PROTECT, null=True, related_name="+")
    after = models.ForeignKey(MessageTemplate, models.PROTECT, related_name="+")
    cause = models.CharField(max_length=12, choices=RotationCause)
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            value_is_known("rotationchange", "cause", RotationCause),
            models.CheckConstraint(
                condition=Q(by__isnull=False) | ~Q(cause="MANUAL"), name="rotation_by_hand_has_user"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group}: {self.after}"
