"""What one distribution owes one recipient, and each attempt that was not accepted.

Two axes, two columns. The dispatch state says who may cause a side effect; progress is only
what WhatsApp reported, and rises.

    PENDING ──claim──▶ CLAIMED ──mark, commit──▶ INFLIGHT ──200 + id──▶ ACCEPTED (or HELD)
       ▲                  │ lease over              │ refused, later ──▶ RETRY_WAIT ──due──▶ claim
       └──────────────────┘ (no byte was sent)      │ refused, final ──▶ FAILED
                                                    │ no answer / lease over ──▶ UNKNOWN
    UNKNOWN ──webhook names our attempt──▶ ACCEPTED │ every gate says no ──▶ RETRY_WAIT
                                                    │ gates not met in time ──▶ UNCONFIRMED
    PENDING, RETRY_WAIT ──opt-out, cancel, window over──▶ SKIPPED
    CLAIMED ──opt-out──▶ SKIPPED

Only `distribution/ledger/deliveries.py` writes the state.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from distribution.models.content import MessageTemplate
from distribution.models.cost import Rate
from distribution.models.distributions import Distribution
from distribution.models.pricing import Pricing
from phonepool.constraints import value_is_known
from phonepool.masking import MAX_DETAILS_CHARACTERS, MAX_TRACE_ID_CHARACTERS
from phonepool.models import PhoneNumber
from subscribers.append_only import AppendOnly
from subscribers.models import Subscriber, Tier


class State(models.TextChoices):
    PENDING = "PENDING", _("Waiting")
    CLAIMED = "CLAIMED", _("Queued")
    INFLIGHT = "INFLIGHT", _("Being sent")
    UNKNOWN = "UNKNOWN", _("No answer yet")
    RETRY_WAIT = "RETRY_WAIT", _("Will retry")
    ACCEPTED = "ACCEPTED", _("Accepted")
    HELD = "HELD", _("Held by WhatsApp")
    FAILED = "FAILED", _("Failed")
    SKIPPED = "SKIPPED", _("Skipped")
    UNCONFIRMED = "UNCONFIRMED", _("Unconfirmed")


CLAIMABLE = (State.PENDING, State.RETRY_WAIT)
IN_HAND = (State.CLAIMED, State.INFLIGHT)  # of a process, by its lease
UNSETTLED = (*CLAIMABLE, *IN_HAND, State.UNKNOWN, State.HELD)


class AttemptOutcome(models.TextChoices):
    """How an attempt that was not accepted ended; the first three as the client returns them."""

    NOT_SENT = "NOT_SENT", _("Not sent")  # no byte left this machine
    REJECTED = "REJECTED", _("Rejected by WhatsApp")  # the Cloud API said no
    UNKNOWN = "UNKNOWN", _("No answer")  # or an unreadable one
    REPORTED = "REPORTED", _("Reported as failed")  # accepted, and then failed by a webhook
    FORGOTTEN = "FORGOTTEN", _("Outcome lost in a restore")
    CONFLICT = "CONFLICT", _("Message ID of another message")


class Progress(models.IntegerChoices):
    """What WhatsApp reported; rises within an attempt, never falls."""

    NONE = 0, _("No report yet")
    SENT = 1, _("Sent")
    DELIVERED = 2, _("Delivered")
    READ = 3, _("Read")


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, now: datetime) -> DeliveryQuerySet:
        """Claimable now, as far as the row itself can tell."""
        return self.filter(state__in=CLAIMABLE, next_at__lte=now)

    def count_by_state(self) -> dict[str, int]:
        """Rows by state; states without rows are absent."""
        return dict(self.order_by().values_list("state").annotate(Count("pk")))


class Delivery(models.Model):
    # A row is updated five or six times per distribution and each index costs each time, so there
    # is none that another one covers: hence db_index=False, and no `unique=True` on wamid, which
    # would add an index for LIKE. None holds what reports change (progress, delivered_at and the
    # other times): PostgreSQL then writes a report without touching any index, in the room that
    # migration 0042 leaves in each page.
    distribution = models.ForeignKey(
        Distribution, models.PROTECT, related_name="deliveries", db_index=False
    )
    subscriber = models.ForeignKey(
        Subscriber, models.PROTECT, related_name="deliveries", db_index=False
    )
    phone = models.CharField(max_length=16)  # as frozen: the number that is written to
    tier = models.CharField(max_length=8, choices=Tier)
    language = models.CharField(max_length=6, blank=True, db_default="")  # as frozen
    batch_no = models.PositiveIntegerField()

    state = models.CharField(max_length=11, choices=State, db_default=State.PENDING)
    reason = models.CharField(max_length=40, blank=True, db_default="")
    next_at = models.DateTimeField()
    # Left in place when the claim ends: with attempt_no it makes the attempt's id.
    claim_token = models.BigIntegerField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    number = models.ForeignKey(PhoneNumber, models.PROTECT, null=True, blank=True, db_index=False)

    attempt_no = models.PositiveSmallIntegerField(db_default=0)
    tries_charged = models.PositiveSmallIntegerField(db_default=0)  # against the retry limit
    ambiguous_no = models.PositiveSmallIntegerField(db_default=0)  # resends after no answer
    # Resends after a reported failure that may lie in the message: those are limited.
    resend_no = models.PositiveSmallIntegerField(db_default=0)
    inflight_at = models.DateTimeField(null=True, blank=True)
    unknown_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    wamid = models.CharField(max_length=200, null=True, blank=True)

    progress = models.PositiveSmallIntegerField(choices=Progress, db_default=Progress.NONE)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failed_code = models.IntegerField(null=True, blank=True)
    # Without a constraint: PostgreSQL would look it up for every report. They are never deleted.
    pricing = models.ForeignKey(
        Pricing, models.DO_NOTHING, null=True, blank=True, db_index=False, db_constraint=False
    )

    # By which price it is charged: decided with the status that brings the pricing.
    rate = models.ForeignKey(
        Rate, models.DO_NOTHING, null=True, blank=True, db_index=False, db_constraint=False
    )

    # How its latest attempt left: the place of the rung, and the template if it is not the
    # distribution's own. Both are written when it is marked in flight, and never changed after.
    rung = models.PositiveSmallIntegerField(db_default=0)
    message_template = models.ForeignKey(
        MessageTemplate,
        models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        permissions = [
            ("retry_failed", "Can have failed deliveries tried again"),
            ("export_delivery", "Can export deliveries"),
        ]
        constraints = [
            # The central promise: no recipient is owed a distribution twice.
            models.UniqueConstraint(
                fields=["distribution", "subscriber"], name="delivery_once_per_subscriber"
            ),
            models.UniqueConstraint(
                fields=["distribution", "phone"], name="delivery_once_per_phone"
            ),
            models.UniqueConstraint(fields=["wamid"], name="delivery_wamid_once"),
            value_is_known("delivery", "state", State),
            value_is_known("delivery", "progress", Progress),
            models.CheckConstraint(
                condition=~Q(state__in=["CLAIMED", "INFLIGHT"])
                | Q(claim_token__isnull=False, lease_until__isnull=False),
                name="delivery_claim_has_lease",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["INFLIGHT", "UNKNOWN"]) | Q(attempt_no__gte=1),
                name="delivery_inflight_has_attempt",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["ACCEPTED", "HELD"]) | Q(accepted_at__isnull=False),
                name="delivery_accepted_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["FAILED", "SKIPPED", "UNCONFIRMED"]) | ~Q(reason=""),
                name="delivery_end_has_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["subscriber", "state"], name="delivery_of_subscriber"),
            # Live rows only, so these keep the size of one day.
            models.Index(
                fields=["distribution", "batch_no", "next_at"],
                condition=Q(state__in=["PENDING", "RETRY_WAIT"]),
                name="delivery_due",
            ),
            models.Index(
                fields=["distribution", "lease_until"],
                condition=Q(state__in=["CLAIMED", "INFLIGHT"]),
                name="delivery_in_hand",
            ),
            models.Index(
                fields=["distribution", "unknown_at"],
                condition=Q(state="UNKNOWN"),
                name="delivery_unanswered",
            ),
            # What most deliveries never become.
            models.Index(
                fields=["distribution", "state", "reason"],
                condition=Q(state__in=["HELD", "FAILED", "SKIPPED", "UNCONFIRMED"]),
                name="delivery_unusual",
            ),
            models.Index(
                fields=["distribution", "accepted_at"],
                condition=Q(accepted_at__isnull=False),
                name="delivery_accepted",
            ),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.pk}"


class Attempt(AppendOnly):
    """One call that was not accepted: evidence of what happened to a delivery. Append-only."""

    delivery = models.ForeignKey(Delivery, models.PROTECT, related_name="attempts")
    attempt_id = models.CharField(max_length=80)
    number = models.ForeignKey(PhoneNumber, models.PROTECT, null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=AttemptOutcome)
    reason = models.CharField(max_length=40)
    code = models.IntegerField(null=True, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    details = models.CharField(  # Meta's error details, masked
        max_length=MAX_DETAILS_CHARACTERS, blank=True, db_default=""
    )
    fbtrace_id = models.CharField(  # by which Meta's support finds the call
        "Meta's trace id", max_length=MAX_TRACE_ID_CHARACTERS, blank=True, db_default=""
    )
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField()

    class Meta:
        constraints = [
            # One attempt may end unknown and later be reported as failed: two facts, two rows.
            models.UniqueConstraint(fields=["attempt_id", "outcome"], name="attempt_once"),
            value_is_known("attempt", "outcome", AttemptOutcome),
        ]

    def __str__(self) -> str:
        return f"Attempt {self.attempt_id}"
