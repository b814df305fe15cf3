"""Decisions about deliveries with an unknown outcome or a failure, by whom and why."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from distribution.models.deliveries import Delivery
from phonepool.constraints import value_is_known
from subscribers.append_only import AppendOnly


class Ruling(models.TextChoices):
    SEND_AGAIN = "SEND_AGAIN"  # every gate said that it was not accepted
    RETURNED = "RETURNED"  # it failed for a reason that hit everybody: it waits again
    UNCONFIRMED = "UNCONFIRMED"  # unknown to the end: a person decides
    HUMAN_SEND_AGAIN = "HUMAN_SEND_AGAIN"  # at that person's risk
    HUMAN_LEAVE = "HUMAN_LEAVE"
    HUMAN_RETRY = "HUMAN_RETRY"  # it had failed for certain


class Verdict(AppendOnly):
    """One decision. Append-only. `by` is empty when the rules decided."""

    delivery = models.ForeignKey(Delivery, models.PROTECT, related_name="verdicts")
    attempt_id = models.CharField(max_length=80)  # the attempt that was decided on
    ruling = models.CharField(max_length=16, choices=Ruling)
    reason = models.CharField(max_length=500)
    evidence = models.JSONField(default=dict, blank=True)  # the value of each gate
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        permissions = [("resend_unconfirmed", "Can send an unconfirmed delivery again")]
        constraints = [
            value_is_known("verdict", "ruling", Ruling),
            models.CheckConstraint(
                condition=~Q(ruling__startswith="HUMAN") | Q(by__isnull=False),
                name="verdict_of_a_human_names_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ruling} {self.attempt_id}"


class Certainty(models.TextChoices):
    SUSPECT = "SUSPECT"  # an earlier message is proven, a later one's outcome is unknown
    CONFIRMED = "CONFIRMED"  # both are proven


class Duplicate(models.Model):
    """Evidence that a recipient may have received, or received, one delivery's message twice."""

    delivery = models.OneToOneField(Delivery, models.PROTECT, related_name="duplicate")
    certainty = models.CharField(max_length=9, choices=Certainty)
    earlier_attempt = models.CharField(max_length=80)
    earlier_wamid = models.CharField(max_length=200, blank=True, default="")
    later_attempt = models.CharField(max_length=80)
    later_wamid = models.CharField(max_length=200, blank=True, default="")
    found_at = models.DateTimeField()

    class Meta:
        ordering = ["-found_at"]
        constraints = [value_is_known("duplicate", "certainty", Certainty)]

    def __str__(self) -> str:
        return f"{self.certainty} {self.delivery_id}"
