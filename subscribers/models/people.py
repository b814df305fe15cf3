"""Subscribers, and what WhatsApp calls them."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length, Right
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual
from django.utils import timezone

from subscribers.json_objects import IsObject
from subscribers.phones import BLANK_PREFIX

# Permissions that are asked for in several places; declared below, at the model.
EXPORT_SUBSCRIBERS = "subscribers.export_subscriber"
FULL_PHONE = "subscribers.see_full_phone"
LANGUAGE_PATTERN = r"^[a-z]{2,3}(_[A-Z]{2})?\Z"


class Tier(models.TextChoices):
    PREMIUM = "PREMIUM", "Premium"
    PRO = "PRO", "Pro"
    BASIC = "BASIC", "Basic"


# Who receives first. The names do not sort this way, hence a CASE and not a column.
TIER_ORDER = (Tier.PREMIUM, Tier.PRO, Tier.BASIC)


class Status(models.TextChoices):
    ACTIVE = "ACTIVE", "Active"
    PAUSED = "PAUSED", "Paused"  # for a while, by an operator
    UNSUBSCRIBED = "UNSUBSCRIBED", "Unsubscribed"  # consent withdrawn; only the person undoes it
    INVALID = "INVALID", "Invalid"  # WhatsApp could not reach the number on several days


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    def eligible(self) -> SubscriberQuerySet:
        """Those that receive messages."""
        return self.filter(status=Status.ACTIVE)

    def existing(self) -> SubscriberQuerySet:
        """All but the empty rows of people who were erased, or whose import was undone."""
        return self.exclude(phone__startswith=BLANK_PREFIX)


class Subscriber(models.Model):
    """One phone number. `status` is written by `consent/decisions.py` only."""

    phone = models.CharField(max_length=16, unique=True)  # E.164: "+919812345678"
    name = models.CharField(max_length=100, blank=True, default="")
    tier = models.CharField(max_length=7, choices=Tier, default=Tier.BASIC)
    status = models.CharField(max_length=12, choices=Status, default=Status.ACTIVE)
    language = models.CharField(
        max_length=6,
        default="en",
        validators=[RegexValidator(LANGUAGE_PATTERN, "Write a language like en, hi or en_IN.")],
    )
    attributes = models.JSONField(default=dict, blank=True)  # text by name, for personalisation
    email = models.EmailField(blank=True, default="")
    # Separate days in a row on which WhatsApp could not deliver, and the last of them.
    unreachable_days = models.PositiveSmallIntegerField(default=0, editable=False)
    unreachable_on = models.DateField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(phone__startswith="+")
                & Q(GreaterThanOrEqual(Length("phone"), 8))
                & Q(LessThanOrEqual(Length("phone"), 16)),
                name="subscriber_phone_e164",
            ),
            # choices guard forms only; bulk writes and psql pass them by
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="subscriber_status_known"
            ),
            models.CheckConstraint(condition=Q(tier__in=Tier.values), name="subscriber_tier_known"),
            # Messages, exports and imports read names of it.
            models.CheckConstraint(
                condition=IsObject(F("attributes")), name="subscriber_attributes_object"
            ),
        ]
        permissions = [
            ("import_subscriber", "Can import subscribers from a file"),
            ("export_subscriber", "Can export subscribers with their phone numbers"),
            ("erase_subscriber", "Can erase a subscriber for good"),
            ("see_full_phone", "Can see phone numbers in full"),
        ]
        indexes = [
            models.Index(fields=["status"], name="subscriber_status"),
            models.Index(fields=["tier"], name="subscriber_tier"),
            # The fan-out reads eligible subscribers tier by tier, by ranges of id.
            models.Index(
                fields=["tier", "id"], condition=Q(status="ACTIVE"), name="subscriber_eligible"
            ),
            # Lists page by id or by the latest change; PostgreSQL has more in migration 0006.
            models.Index(fields=["status", "tier", "id"], name="subscriber_status_tier"),
            models.Index(fields=["language", "id"], name="subscriber_language"),
            models.Index(fields=["updated_at", "id"], name="subscriber_changes"),
            models.Index(Right("phone", 4), name="subscriber_phone_tail"),
        ]

    def __str__(self) -> str:
        return f"subscriber {self.pk}"


class WhatsAppIdentity(models.Model):
    """What WhatsApp calls a subscriber in one business portfolio, as answers, statuses and messages
    tell it. Only `identity/learning.py` and `identity/moves.py` write it.
    """

    subscriber = models.ForeignKey(
        Subscriber, models.CASCADE, related_name="identities", db_index=False
    )
    # Meta's id of the portfolio that the user id belongs to; '' if it is unknown.
    portfolio_id = models.CharField(max_length=32, blank=True, default="")
    user_id = models.CharField(max_length=150, blank=True, default="")  # "IN.1349…"
    wa_id = models.CharField(max_length=20, blank=True, default="")  # digits, no plus
    seen_at = models.DateTimeField()  # when these were first told together
    # The person told WhatsApp of another number, or was given this user id.
    moved_at = models.DateTimeField(null=True, blank=True)
    moved_user_id = models.CharField(max_length=150, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "portfolio_id"], name="identity_once"),
            models.UniqueConstraint(
                fields=["portfolio_id", "user_id"],
                condition=~Q(user_id=""),
                name="identity_one_person_per_user_id",
            ),
        ]
        indexes = [
            # Whole ones: PostgreSQL uses a partial index for a list of a hundred values at most.
            models.Index(fields=["user_id"], name="identity_user_id"),
            models.Index(fields=["wa_id"], name="identity_wa_id"),
            models.Index(fields=["moved_user_id"], name="identity_moved_user_id"),
            models.Index(
                fields=["moved_at"], condition=Q(moved_at__isnull=False), name="identity_moved_at"
            ),
        ]
        default_permissions = ()  # shown on the person's page
        verbose_name = "WhatsApp identity"
        verbose_name_plural = "WhatsApp identities"

    def __str__(self) -> str:
        return f"identity {self.pk}"
