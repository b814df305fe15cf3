"""The sets of rows that confirmation pages displayed, to tell what changed until they were sent."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models

KEPT_DAYS = 1  # a page that is confirmed later asks again


class ShownSetQuerySet(models.QuerySet["ShownSet"]):
    def outdated(self, now: datetime) -> ShownSetQuerySet:
        """Sets whose page is too old to be confirmed."""
        return self.filter(created_at__lt=now - timedelta(days=KEPT_DAYS))


class ShownSet(models.Model):
    """One displayed set: compressed ids and digests of states, about 0.4 MB for 100,000 rows."""

    rows = models.BinaryField()
    created_at = models.DateTimeField(db_index=True)

    objects = ShownSetQuerySet.as_manager()

    class Meta:
        default_permissions = ()  # pages alone write and read it

    def __str__(self) -> str:
        return f"set {self.pk}"
