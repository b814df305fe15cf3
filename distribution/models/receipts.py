"""How receipts came on one morning: what the next mornings are judged by."""

from __future__ import annotations

from django.db import models

from distribution.models.distributions import Distribution


class ReceiptCurve(models.Model):
    """Receipts by age of one daily distribution, in sums. Written once, when it is completed."""

    distribution = models.OneToOneField(Distribution, models.CASCADE, related_name="+")
    category = models.CharField(max_length=16)  # of the template: marketing is delivered otherwise
    accepted = models.PositiveIntegerField()
    # Messages with a receipt at most so many seconds after acceptance, for each of
    # `service_level/receipts.py`'s AGES.
    receipts = models.JSONField()

    def __str__(self) -> str:
        return f"{self.distribution_id}: {self.accepted}"
