"""Stored figures of a distribution's deliveries, so that no request has to count them."""

from __future__ import annotations

from django.db import models

from distribution.models.content import MessageTemplate
from distribution.models.distributions import Distribution
from phonepool.constraints import value_is_known
from phonepool.models import PhoneNumber


class Outcome(models.TextChoices):
    """The outcomes of deliveries that analytics distinguish."""

    ACCEPTED = "accepted"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNCONFIRMED = "unconfirmed"
    WAITING = "waiting"  # not ended: only of a distribution that was cancelled a moment ago


class Rollup(models.Model):
    """The number of alike deliveries of a distribution; written by `analytics/rollups.py` only."""

    distribution = models.ForeignKey(Distribution, models.PROTECT, related_name="rollups")
    day = models.DateField()  # the distribution's, in India
    tier = models.CharField(max_length=8)
    number = models.ForeignKey(
        PhoneNumber, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    message_template = models.ForeignKey(
        MessageTemplate, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    hour = models.PositiveSmallIntegerField(null=True)  # of acceptance, in India; null: never
    language = models.CharField(max_length=6)
    outcome = models.CharField(max_length=11, choices=Outcome)
    reason = models.CharField(max_length=40)  # of what was not accepted
    count = models.PositiveIntegerField()
    delivered = models.PositiveIntegerField()  # of accepted ones
    read = models.PositiveIntegerField()  # of delivered ones

    class Meta:
        indexes = [models.Index(fields=["day"], name="rollup_day")]
        constraints = [value_is_known("rollup", "outcome", Outcome)]

    def __str__(self) -> str:
        return f"{self.day} {self.tier} {self.outcome}: {self.count}"


class RollupState(models.Model):
    """When a distribution was counted last, and how long that took."""

    distribution = models.OneToOneField(
        Distribution, models.PROTECT, primary_key=True, related_name="rollup_state"
    )
    day = models.DateField(db_index=True)
    as_of = models.DateTimeField()
    version = models.PositiveIntegerField()  # an older count never overwrites a newer one
    took_ms = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"distribution {self.distribution_id} as of {self.as_of}"


class RollupMark(models.Model):
    """Deliveries of a distribution have changed since it was counted: `ledger/rollup_marks.py`."""

    distribution = models.ForeignKey(Distribution, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"distribution {self.distribution_id} changed at {self.at}"
