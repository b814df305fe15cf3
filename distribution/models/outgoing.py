"""Events for other systems: subscriptions, events, and each subscription's copy of an event."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime
from uuid import uuid4

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from distribution.models.encrypted import EncryptedField
from phonepool.constraints import value_is_known


class EventKind(models.TextChoices):
    """The types of events, as receivers read them."""

    DISTRIBUTION_OPENED = "distribution.opened", "Distribution opened"
    DISTRIBUTION_SENDING = "distribution.sending", "Distribution sending: its progress"
    DISTRIBUTION_PAUSED = "distribution.paused", "Distribution paused"
    DISTRIBUTION_COMPLETED = "distribution.completed", "Distribution completed, with its report"
    MORNING_REPORT = "morning.report", "Report of a daily distribution, after the window"
    DISTRIBUTION_CANCELLED = "distribution.cancelled", "Distribution cancelled"
    DISTRIBUTION_MISSED = "distribution.missed", "Distribution missed"
    RUNG_TAKEN = "distribution.rung_taken", "Distribution took another rung of its ladder"
    DELIVERIES_FAILED = "deliveries.failed", "Deliveries failed, in batches"
    ALERT_OPENED = "alert.opened", "Alert opened"
    ALERT_CLOSED = "alert.closed", "Alert closed"
    CONTENT_APPROVED = "content.approved", "Content approved"
    CONTENT_REJECTED = "content.rejected", "Content rejected"
    TEMPLATE_ROTATED = "template.rotated", "Another template of a group is in use"
    TEMPLATE_DRAFTED = "template.drafted", "A better version of a template waits for approval"
    TEMPLATE_REVIEWED = "template.reviewed", "Meta decided on a better version of a template"
    PREFLIGHT_COMPLETED = "preflight.completed", "Preflight completed, with its verdict"
    COST_DIFFERS = "cost.differs", "Our charges of a day differ from Meta's"
    COST_OVER_LIMIT = "cost.over_limit", "Content approved whose estimate is above the limit"


def new_secret() -> str:
    """A signing secret as Standard Webhooks writes it: 24 random bytes."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


def new_uid() -> str:
    return f"evt_{uuid4().hex}"


class EventSubscriptionQuerySet(models.QuerySet["EventSubscription"]):
    def free(self, now: datetime) -> EventSubscriptionQuerySet:
        """Active subscriptions that no process serves and that are not waiting after failures."""
        return self.filter(Q(busy_until=None) | Q(busy_until__lte=now), active=True)


class EventSubscription(models.Model):
    """Another system's address for events. The built-in one uses WEBHOOK_STATUS_URL."""

    name = models.CharField(max_length=80, unique=True)
    url = models.CharField(max_length=500, blank=True, default="")  # the built-in one has none
    secret = EncryptedField(max_length=100, default=new_secret, editable=False)
    # The former secret also signs until then, so that a receiver has time to change it.
    former_secret = EncryptedField(max_length=100, blank=True, default="", editable=False)
    former_until = models.DateTimeField(null=True, blank=True, editable=False)
    kinds = models.JSONField("types of events", default=list, blank=True)  # empty: all
    active = models.BooleanField(default=True)
    builtin = models.BooleanField(default=False, editable=False)
    stopped_reason = models.CharField(max_length=200, blank=True, default="", editable=False)
    # One sender at a time: until then a process posts to it, or it waits after failures.
    busy_until = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveSmallIntegerField(default=0, editable=False)  # in a row
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EventSubscriptionQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = "event subscription"
        constraints = [
            models.UniqueConstraint(
                fields=["builtin"], condition=Q(builtin=True), name="subscription_one_builtin"
            ),
            models.CheckConstraint(
                condition=Q(builtin=True) | ~Q(url=""), name="subscription_has_url"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def wants(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds


class OutgoingEvent(models.Model):
    """An event, written in the transaction that causes it."""

    uid = models.CharField(max_length=40, unique=True, default=new_uid)
    kind = models.CharField(max_length=30, choices=EventKind)
    subject = models.CharField(max_length=80, blank=True, default="")
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    at = models.DateTimeField()
    # Events with the same value are written once; null: each time.
    once = models.CharField(max_length=100, null=True, blank=True, unique=True)
    spread_at = models.DateTimeField(null=True, blank=True)  # when its copies were made

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["at"], condition=Q(spread_at=None), name="event_unspread"),
            models.Index(fields=["spread_at"], name="event_spread"),
        ]
        constraints = [value_is_known("event", "kind", EventKind)]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".strip()


class PostState(models.TextChoices):
    WAITING = "WAITING"
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"  # given up after a day; only a person can have it sent again


class EventDeliveryQuerySet(models.QuerySet["EventDelivery"]):
    def due(self, now: datetime) -> EventDeliveryQuerySet:
        return self.filter(state=PostState.WAITING, next_at__lte=now)


class EventDelivery(models.Model):
    """One subscription's copy of an event, and how often it was tried."""

    event = models.ForeignKey(OutgoingEvent, models.CASCADE, related_name="deliveries")
    subscription = models.ForeignKey(
        EventSubscription, models.CASCADE, related_name="deliveries", db_index=False
    )
    state = models.CharField(max_length=9, choices=PostState, default=PostState.WAITING)
    tries = models.PositiveIntegerField(default=0)
    since = models.DateTimeField()  # given up a day later
    next_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField("last answer", null=True, blank=True)
    error = models.CharField(max_length=200, blank=True, default="")

    objects = EventDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "event delivery"
        verbose_name_plural = "event deliveries"
        permissions = [("replay_eventdelivery", "Can have events sent again")]
        constraints = [
            models.UniqueConstraint(
                fields=["event", "subscription"], name="event_delivery_once_per_subscription"
            ),
            value_is_known("event_delivery", "state", PostState),
        ]
        indexes = [
            models.Index(
                fields=["subscription", "next_at"],
                condition=Q(state="WAITING"),
                name="event_delivery_due",
            ),
            models.Index(fields=["subscription", "state"], name="event_delivery_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.subscription}"
