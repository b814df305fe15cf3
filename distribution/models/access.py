"""API tokens, and the stored responses to requests with an Idempotency-Key."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q


class Scope(models.TextChoices):
    """What a token can do. No scope includes another one."""

    READ = "read", "Everything except people and content"
    SUBSCRIBERS = "subscribers", "Read, change and erase people"
    CONTENT = "content", "List, submit, withdraw and replace content"
    DISTRIBUTE = "distribute", "Start, schedule, pause, resume, cancel and retry distributions"
    ADMIN = "admin", "Acknowledge alerts"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def in_force(self, now: datetime) -> ApiTokenQuerySet:
        """Not revoked, not expired, and of an active member of the staff."""
        valid = Q(expires_at=None) | Q(expires_at__gt=now)
        return self.filter(valid, revoked_at=None, user__is_active=True, user__is_staff=True)


class ApiToken(models.Model):
    """One program's key. The key is shown once; only its digest is stored."""

    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, editable=False)  # identifies the key in lists
    digest = models.CharField(max_length=64, unique=True, editable=False)  # SHA-256, hexadecimal
    scopes = models.JSONField(default=list)
    # The user it acts for: author of what it submits, which that user then cannot approve.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="api_tokens")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)  # to the minute
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class KeptAnswerQuerySet(models.QuerySet["KeptAnswer"]):
    def outdated(self, now: datetime) -> KeptAnswerQuerySet:
        """Responses older than API_KEEP_ANSWERS_HOURS, which are not repeated any more."""
        return self.filter(created_at__lt=now - timedelta(hours=settings.API_KEEP_ANSWERS_HOURS))


class KeptAnswer(models.Model):
    """The response to a request with an Idempotency-Key, written in the transaction of its effect:
    a crash leaves neither."""

    holder = models.CharField(max_length=40)  # token:7 or user:7
    key = models.CharField(max_length=200)
    asked = models.CharField(max_length=64)  # SHA-256 of method, path and body, hexadecimal
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True, default="")
    location = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(db_index=True)

    objects = KeptAnswerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["holder", "key"], name="kept_answer_once"),
        ]

    def __str__(self) -> str:
        return f"{self.holder} {self.key}"
