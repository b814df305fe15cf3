"""Messages to staff: one row per person, event and channel, and what each person chose.

Notices of alerts are rows of the same table: one per alert, alert channel and change.
"""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from distribution.models.alert_channels import AlertChannel
from distribution.models.alerts import Alert
from phonepool.constraints import value_is_known


class NotificationKind(models.TextChoices):
    """What a person can be told. The two about their own account cannot be turned off; changes of
    an alert go to alert channels only."""

    REVIEW_WAITING = "review.waiting", _("Content is waiting for review")
    CONTENT_APPROVED = "content.approved", _("Your content was approved")
    CONTENT_REJECTED = "content.rejected", _("Your content was rejected")
    CONTENT_COMMENTED = "content.commented", _("Someone commented on content you worked on")
    CONTENT_NOT_READY = "content.not_ready", _("No content is ready by the deadline")
    MORNING_BLOCKED = "morning.blocked", _("A distribution cannot start")
    MORNING_REPORT = "morning.report", _("Report of the daily distribution")
    CONFIRMATION_WAITING = "confirmation.waiting", _("A distribution is waiting for confirmation")
    PASSWORD_RESET = "password.reset", _("Link to reset a password")
    PASSWORD_CHANGED = "password.changed", _("Password was reset")
    ALERT_OPENED = "alert.opened", _("Alert opened")
    ALERT_WORSE = "alert.worse", _("Alert became critical")
    ALERT_ACKNOWLEDGED = "alert.acknowledged", _("Alert acknowledged")
    ALERT_REMINDER = "alert.reminder", _("Reminder of an alert")
    ALERT_CLOSED = "alert.closed", _("Alert closed")


class NotificationChannel(models.TextChoices):
    EMAIL = "email", _("E-mail")
    ALERT = "alert", _("Alert channel")  # the one that `destination` names


class NotificationState(models.TextChoices):
    WAITING = "WAITING", _("Waiting")
    SENT = "SENT", _("Sent")
    DEAD = "DEAD", _("Not delivered")  # given up; a person can send it again
    DROPPED = "DROPPED", _("Not needed")  # nobody to send it to any more


def new_uid() -> str:
    return uuid4().hex


class NotificationQuerySet(models.QuerySet["Notification"]):
    def due(self, now: datetime) -> NotificationQuerySet:
        return self.filter(state=NotificationState.WAITING, next_at__lte=now)

    def by_mail(self) -> NotificationQuerySet:
        return self.filter(channel=NotificationChannel.EMAIL)

    def held(self) -> NotificationQuerySet:
        """Those that wait for the end of quiet hours: nobody has seen them."""
        return self.filter(state=NotificationState.WAITING, tries=0, next_at__gt=F("since"))

    def drop(self) -> int:
        """Have those that still wait not sent; how many."""
        return self.filter(state=NotificationState.WAITING).update(state=NotificationState.DROPPED)


class Notification(models.Model):
    """One message to one person by one channel, written in the transaction that causes it."""

    uid = models.CharField(max_length=32, unique=True, default=new_uid)  # its Message-ID
    kind = models.CharField(_("event"), max_length=20, choices=NotificationKind)
    channel = models.CharField(
        max_length=10, choices=NotificationChannel, default=NotificationChannel.EMAIL
    )
    # Null: somebody asked to reset the password of an address that nobody has.
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    # Of a notice of an alert: the alert, and where it goes.
    alert = models.ForeignKey(
        Alert, models.CASCADE, null=True, editable=False, related_name="notices"
    )
    destination = models.ForeignKey(
        AlertChannel, models.PROTECT, null=True, editable=False, related_name="notices"
    )
    # Notices with the same value went out as one message; empty: alone.
    digest = models.CharField(max_length=32, blank=True, default="", db_default="")
    subject = models.CharField(max_length=200)
    text = models.TextField()
    path = models.CharField(_("link"), max_length=200, blank=True, default="")  # a page of ours
    # With the same value a person is told once by a channel; null: each time.
    once = models.CharField(max_length=100, null=True, blank=True)
    # Who asked: for the rate limit of requests from outside, as an address and a keyed digest.
    asked_from = models.CharField(max_length=45, blank=True, default="")
    asked_for = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField(
        max_length=7, choices=NotificationState, default=NotificationState.WAITING
    )
    tries = models.PositiveSmallIntegerField(default=0)
    since = models.DateTimeField(_("created"))
    next_at = models.DateTimeField(_("next try"))  # while it is being sent: the end of the lease
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    error = models.CharField(_("last error"), max_length=200, blank=True, default="")

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        permissions = [("resend_notification", "Can see and resend notifications to staff")]
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "channel", "once"], name="notification_once"
            ),
            models.UniqueConstraint(fields=["destination", "once"], name="notification_once_each"),
            value_is_known("notification", "kind", NotificationKind),
            value_is_known("notification", "channel", NotificationChannel),
            value_is_known("notification", "state", NotificationState),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="WAITING"), name="notification_due"),
            models.Index(fields=["since"], name="notification_since"),
        ]

    def __str__(self) -> str:
        return self.subject


class NotificationChoice(models.Model):
    """What a person decided about one event by one channel; without a row the default applies."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="notification_choices"
    )
    kind = models.CharField(max_length=20, choices=NotificationKind)
    channel = models.CharField(
        max_length=10, choices=NotificationChannel, default=NotificationChannel.EMAIL
    )
    wanted = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind", "channel"], name="notification_choice_once"
            ),
            value_is_known("notification_choice", "kind", NotificationKind),
            value_is_known("notification_choice", "channel", NotificationChannel),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.channel}"
