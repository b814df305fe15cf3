"""How Meta said it prices a message: few different values, so deliveries refer to them."""

from __future__ import annotations

from django.db import models


class Pricing(models.Model):
    """A `pricing` block of a status, as Meta writes it, and the progress that it came with."""

    progress = models.PositiveSmallIntegerField()  # of the status; `sent` is not charged yet
    category = models.CharField(max_length=40)  # utility, marketing, marketing_lite, …
    type = models.CharField(max_length=40)  # regular, free_customer_service, …
    model = models.CharField(max_length=40)  # PMP, formerly CBP
    billable = models.BooleanField(null=True)  # Meta is going to leave it out

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["progress", "category", "type", "model", "billable"], name="pricing_once"
            ),
            models.UniqueConstraint(
                fields=["progress", "category", "type", "model"],
                condition=models.Q(billable=None),  # NULL equals no other NULL
                name="pricing_without_billable_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.type}"
