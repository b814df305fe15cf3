"""What people decided about receiving messages, and by what evidence."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from subscribers.append_only import AppendOnly
from subscribers.models.people import Subscriber


class ConsentEvent(AppendOnly):
    """What was decided about a subscriber, when, and by what evidence. Never changed.

    A subscriber's status follows from these events alone: see `consent/status_rule.py`.
    """

    class Kind(models.TextChoices):
        OPT_IN = "OPT_IN", "Opted in"
        OPT_OUT = "OPT_OUT", "Opted out"
        PAUSE = "PAUSE", "Paused"
        RESUME = "RESUME", "Resumed"
        UNREACHABLE = "UNREACHABLE", "Found unreachable"

    subscriber = models.ForeignKey(
        Subscriber, models.PROTECT, related_name="consent_events", db_index=False
    )
    kind = models.CharField(max_length=11, choices=Kind)
    # Where it came from: "whatsapp:STOP", "import:june.csv", "admin:asha"
    source = models.CharField(max_length=200)
    # What proves it: an inbound message id, a line of the imported file
    evidence = models.CharField(max_length=200, blank=True, default="")
    notice = models.TextField(blank=True, default="")  # the words that the person agreed to
    actor = models.CharField(max_length=150, blank=True, default="")  # our user's name, if any
    at = models.DateTimeField()  # when it was decided: the order that counts
    recorded_at = models.DateTimeField(default=timezone.now)
    # Of a pause: the day in India on which it ends by itself; null: when somebody resumes them.
    resumes_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            # A webhook that comes twice leaves one event.
            models.UniqueConstraint(
                fields=["subscriber", "source", "evidence"],
                condition=~Q(evidence=""),
                name="consent_evidence_once",
            ),
            # The same for what comes without evidence, such as a form sent twice.
            models.UniqueConstraint(
                fields=["subscriber", "kind", "source", "at"],
                condition=Q(evidence=""),
                name="consent_event_once",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["OPT_IN", "OPT_OUT", "PAUSE", "RESUME", "UNREACHABLE"]),
                name="consent_kind_known",
            ),
        ]
        indexes = [
            # The latest event of each kind, for many subscribers in one query.
            models.Index(fields=["subscriber", "kind", "at"], name="consent_latest"),
            models.Index(
                fields=["resumes_on"],
                condition=Q(resumes_on__isnull=False),
                name="consent_pause_end",
            ),
        ]

    def __str__(self) -> str:
        return f"subscriber {self.subscriber_id}: {self.kind} by {self.source}"


class Suppression(models.Model):
    """The latest STOP or START of an unknown phone, or of an unknown user id where WhatsApp told no
    phone. Only `consent/suppressions.py` writes it."""

    phone = models.CharField(max_length=16, unique=True, null=True, blank=True)
    user_id = models.CharField(max_length=150, null=True, blank=True)
    portfolio_id = models.CharField(max_length=32, blank=True, default="")  # of the user id
    holds = models.BooleanField()  # True: STOP; False: START came later
    at = models.DateTimeField()  # when they said so
    source = models.CharField(max_length=200)
    evidence = models.CharField(max_length=200, blank=True, default="")
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user_id", "portfolio_id"], name="suppression_once_per_user_id"
            ),
            models.CheckConstraint(
                condition=Q(phone=None, user_id__isnull=False)
                | Q(phone__isnull=False, user_id=None),
                name="suppression_of_phone_or_user_id",
            ),
        ]
        verbose_name, verbose_name_plural = "suppressed phone", "suppression list"

    def __str__(self) -> str:
        return f"suppression {self.pk}"
