"""How far the audience of a large distribution is frozen, slice by slice."""

from __future__ import annotations

from django.db import models

from distribution.models.distributions import Distribution


class Preparation(models.Model):
    """Of an audience that does not fit into the first slice. Only `lifecycle/preparing.py` and the
    opening write it; whoever holds its row freezes the next slice."""

    distribution = models.OneToOneField(
        Distribution, models.PROTECT, primary_key=True, related_name="preparation"
    )
    # The highest keys at the opening, of people and of decisions about them: they tell who joined
    # later and is not in the audience, and who left later and is.
    last_subscriber = models.BigIntegerField()
    last_event = models.BigIntegerField()
    # Frozen to here: the rank of a tier, and the key of a subscriber in it.
    tier_rank = models.PositiveSmallIntegerField()
    subscriber = models.BigIntegerField()
    frozen = models.PositiveIntegerField()  # deliveries
    published = models.PositiveIntegerField(default=0, db_default=0)  # batches
    batch_size = models.PositiveSmallIntegerField()
    # For how many more people the portfolio's limit has room; null: there is none.
    room = models.PositiveIntegerField(null=True, blank=True)
    over_limit = models.PositiveIntegerField(default=0, db_default=0)
    moved_at = models.DateTimeField()  # when a slice was frozen last, or its batches published
    ended_at = models.DateTimeField(null=True, blank=True)  # all are frozen and published

    class Meta:
        default_permissions = ()  # shown on the distribution's page
        indexes = [
            models.Index(
                fields=["moved_at"],
                condition=models.Q(ended_at__isnull=True),
                name="preparation_running",
            )
        ]

    def __str__(self) -> str:
        return f"preparation of distribution {self.distribution_id}"
