"""How messages of a distribution fared, in sums: what `outcomes/mass_failure.py` judges by."""

from __future__ import annotations

from django.db import models

from distribution.models.distributions import Distribution
from phonepool.constraints import value_is_known


class Channel(models.TextChoices):
    """How the outcome of a message was learnt; the two have different denominators."""

    ANSWER = "ANSWER"  # of the call
    REPORT = "REPORT"  # a webhook after it was accepted


class OutcomeTally(models.Model):
    """Messages sent by one number in ten seconds, alike in their reason: one row, to which batch
    runs and bundles of reports add."""

    distribution = models.ForeignKey(Distribution, models.CASCADE, related_name="+", db_index=False)
    channel = models.CharField(max_length=6, choices=Channel)
    slot = models.BigIntegerField()  # Unix seconds at which its ten seconds begin: of the calls
    number_id = models.BigIntegerField()  # without a constraint: the rows are of one day
    reason = models.CharField(max_length=40)  # blank: did not fail for a watched reason
    count = models.IntegerField()  # negative: counted as good before, and failed since
    # Of the distribution's resumes the one that the calls belong to: older ones do not count.
    resume_no = models.PositiveSmallIntegerField()

    class Meta:
        verbose_name_plural = "outcome tallies"
        constraints = [
            models.UniqueConstraint(
                fields=["distribution", "channel", "resume_no", "slot", "number_id", "reason"],
                name="tally_once",
            ),
            value_is_known("outcometally", "channel", Channel),
        ]

    def __str__(self) -> str:
        return f"{self.distribution_id} {self.channel} {self.slot}: {self.count} {self.reason}"
