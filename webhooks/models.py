"""Stored webhooks, byte for byte, and what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q


class WebhookQuerySet(models.QuerySet["WebhookEvent"]):
    def pending(self) -> WebhookQuerySet:
        """Stored, and not yet applied or given up on."""
        return self.filter(processed_at=None, dead_at=None)

    def oldest(self, column: str) -> Any:
        """A column of the one that arrived first; None: there is none."""
        return self.order_by("pk").values_list(column, flat=True).first()

    def due_again(self, now: datetime) -> WebhookQuerySet:
        """Applied, except statuses of messages that were not known then."""
        return self.filter(again_at__lte=now)

    def dead(self) -> WebhookQuerySet:
        """Given up on: a person should look."""
        return self.exclude(dead_at=None)


class WebhookEvent(models.Model):
    """One POST with a valid signature. Only `webhooks/applying/inbox.py` writes it."""

    body = models.BinaryField()  # the raw bytes, as signed
    digest = models.CharField(max_length=64, unique=True)  # of the body, see `receiving/repeats.py`
    secret_no = models.PositiveSmallIntegerField()  # which of the app secrets signed it
    received_at = models.DateTimeField()

    processed_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(db_default=0)  # that failed
    error = models.TextField(blank=True, db_default="")
    dead_at = models.DateTimeField(null=True, blank=True)
    again_at = models.DateTimeField(null=True, blank=True)

    unmatched = models.PositiveIntegerField(db_default=0)  # statuses of messages not known here
    skipped = models.PositiveIntegerField(db_default=0)  # items that are not understood or used
    # Items of phone numbers that are not in the pool.
    parked = models.PositiveIntegerField(db_default=0)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        permissions = [("reprocess_webhookevent", "Can have a webhook tried again")]
        constraints = [
            models.CheckConstraint(
                condition=Q(processed_at=None) | Q(dead_at=None), name="webhook_ends_once"
            ),
            models.CheckConstraint(
                condition=Q(again_at=None) | ~Q(processed_at=None), name="webhook_again_was_applied"
            ),
        ]
        indexes = [
            # The drain reads pending rows only, so these indexes stay small.
            models.Index(
                fields=["id"], condition=Q(processed_at=None, dead_at=None), name="webhook_pending"
            ),
            models.Index(
                fields=["again_at"], condition=~Q(again_at=None), name="webhook_due_again"
            ),
            models.Index(fields=["dead_at"], condition=~Q(dead_at=None), name="webhook_dead"),
        ]
        verbose_name, verbose_name_plural = "webhook", "webhook inbox"

    def __str__(self) -> str:
        return f"Webhook {self.pk}"


class ItemCount(models.Model):
    """How many items of webhooks were applied, or had no effect, by what they were."""

    name = models.CharField(max_length=80)
    left_out = models.BooleanField()
    number = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "left_out"], name="item_count_once")]

    def __str__(self) -> str:
        return f"{self.name}: {self.number}"
