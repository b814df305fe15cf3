"""Figures for Prometheus, stored so that no scrape counts a delivery."""

from __future__ import annotations

from django.db import models


class StoredFigures(models.Model):
    """One sheet of figures, written by `distribution/metrics/keeping.py` only."""

    name = models.CharField(primary_key=True, max_length=20)
    at = models.DateTimeField()  # what the figures are of
    samples = models.JSONField(default=dict)  # by metric: label values, and the value
    # What each distribution has added to the totals so far, by its primary key.
    seen = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "stored figures"

    def __str__(self) -> str:
        return f"{self.name} at {self.at}"
