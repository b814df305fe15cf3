"""Where alerts go: channels, and the routes that choose among them."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from distribution.models.alerts import Severity
from distribution.models.encrypted import EncryptedField
from distribution.models.outgoing import new_secret
from phonepool.constraints import value_is_known

ADDRESS_LENGTH = 600  # characters of an address before it is encrypted


class ChannelSecret(EncryptedField):
    """Who knows the address of a channel can write to it."""

    purpose = "alert channel"


class ChannelKind(models.TextChoices):
    PAGERDUTY = "pagerduty", _("PagerDuty")
    SERVICE = "service", _("Slack, Teams, Telegram or another service")
    EMAIL = "email", _("E-mail")
    WEBHOOK = "webhook", _("Webhook")


class AlertChannelQuerySet(models.QuerySet["AlertChannel"]):
    def free(self, now: datetime) -> AlertChannelQuerySet:
        """Active channels that no process serves and that are not resting after failures."""
        return self.filter(Q(busy_until=None) | Q(busy_until__lte=now), active=True)


class AlertChannel(models.Model):
    """A way to tell people of alerts. The built-in one posts to WEBHOOK_ALERT_URL."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    kind = models.CharField(_("type"), max_length=10, choices=ChannelKind)
    # The integration key of PagerDuty, a service's URL, e-mail addresses, or a webhook's URL.
    secret_address = ChannelSecret(max_length=1000, blank=True, default="")
    # Signs what is posted to a webhook, and what PagerDuty posts to us.
    signing_secret = ChannelSecret(max_length=300, blank=True, default=new_secret)
    active = models.BooleanField(_("active"), default=True)
    builtin = models.BooleanField(default=False, editable=False)
    # One sender at a time: until then a process serves it, or it rests after failures.
    busy_until = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveSmallIntegerField(default=0, editable=False)  # in a row
    last_error = models.CharField(max_length=200, blank=True, default="", editable=False)
    last_sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AlertChannelQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = _("alert channel")
        verbose_name_plural = _("alert channels")
        constraints = [
            models.UniqueConstraint(
                fields=["builtin"], condition=Q(builtin=True), name="alert_channel_one_builtin"
            ),
            models.CheckConstraint(
                condition=Q(builtin=True) | ~Q(secret_address=""), name="alert_channel_has_address"
            ),
            value_is_known("alert_channel", "kind", ChannelKind),
        ]

    def __str__(self) -> str:
        return self.name


class AlertRoute(models.Model):
    """Which alerts go to which channel, when, and who is next if nobody acknowledges them."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    rules = models.CharField(_("alerts"), max_length=400, default="*")  # slugs, `sla_*`, or `*`
    min_severity = models.CharField(
        _("severity"), max_length=8, choices=Severity, default=Severity.WARNING
    )
    # India time; both null: always. From 22:00 to 06:00 goes over midnight.
    starts = models.TimeField(_("from"), null=True, blank=True)
    ends = models.TimeField(_("until"), null=True, blank=True)
    # Warnings of these hours wait until they end.
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)
    channel = models.ForeignKey(AlertChannel, models.PROTECT, related_name="routes")
    second = models.ForeignKey(
        AlertChannel, models.PROTECT, null=True, blank=True, related_name="+"
    )
    third = models.ForeignKey(AlertChannel, models.PROTECT, null=True, blank=True, related_name="+")
    remind_minutes = models.PositiveSmallIntegerField(  # 0: never
        _("remind every"), default=5, validators=[MaxValueValidator(1440)]
    )
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("alert route")
        verbose_name_plural = _("alert routes")
        constraints = [
            value_is_known("alert_route", "min_severity", Severity),
            models.CheckConstraint(
                condition=Q(starts=None, ends=None) | Q(starts__isnull=False, ends__isnull=False),
                name="alert_route_hours_both",
            ),
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="alert_route_quiet_both",
            ),
        ]

    def __str__(self) -> str:
        return self.name
