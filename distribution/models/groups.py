"""A rotation group: message templates for the same purpose that take the same values."""

from __future__ import annotations

from django.db import models


class GroupRole(models.TextChoices):
    PRIMARY = "PRIMARY"  # carries the content
    STANDBY = "STANDBY"  # ready to take over, and sent to a small share of each morning
    RESTING = "RESTING"  # was taken out of use


class RotationGroup(models.Model):
    """Only `distribution/quality/groups.py` changes its templates and their roles."""

    name = models.SlugField(max_length=40, unique=True)
    automatic = models.BooleanField(
        "switches by itself",
        default=True,
        help_text="Off: it only alerts, and a person changes the primary.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        permissions = [("rotate_templates", "Can change which template of a group is in use")]

    def __str__(self) -> str:
        return self.name
