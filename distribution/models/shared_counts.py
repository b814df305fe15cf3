"""Counts of a large distribution's deliveries, which all processes share."""

from __future__ import annotations

from django.db import models

from distribution.models.distributions import Distribution


class SharedCounts(models.Model):
    """Written by `distribution/analytics/shared_counts.py` only; losing a row costs one count."""

    distribution = models.OneToOneField(
        Distribution, models.CASCADE, primary_key=True, related_name="+"
    )
    situation = models.CharField(max_length=40)  # of the distribution when they were counted
    at = models.DateTimeField()  # what they are of
    next_at = models.DateTimeField()  # not counted again before
    busy_until = models.DateTimeField()  # before that, somebody counts
    groups = models.JSONField()  # rows of `DeliveryGroup`, and how many of each are due since when

    class Meta:
        default_permissions = ()  # shown as figures of the distribution
        verbose_name_plural = "shared counts"

    def __str__(self) -> str:
        return f"counts of distribution {self.distribution_id} at {self.at}"
