"""One message to all active subscribers: daily, one-time or manual."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from distribution.models.access import ApiToken
from distribution.models.content import Content, MessageTemplate
from distribution.models.ladder import Ladder, LadderRung
from phonepool.constraints import value_is_known


class Kind(models.TextChoices):
    DAILY = "DAILY", _("Daily")
    ONE_TIME = "ONE_TIME", _("One-time")
    MANUAL = "MANUAL", _("Manual")


class DistributionState(models.TextChoices):
    # Asked for by one person or token: begins only if another person confirms it in time.
    AWAITING_CONFIRMATION = "AWAITING_CONFIRMATION", _("Awaiting confirmation")
    SCHEDULED = "SCHEDULED"  # its time has not come
    BLOCKED = "BLOCKED"  # a check before opening failed; tried again at each tick
    SENDING = "SENDING"  # its audience is frozen
    PAUSED = "PAUSED"  # nothing new is claimed
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    MISSED = "MISSED"  # too late to begin


UNOPENED = (DistributionState.SCHEDULED, DistributionState.BLOCKED)
UNBEGUN = (DistributionState.AWAITING_CONFIRMATION, *UNOPENED)
RUNNING = (DistributionState.SENDING, DistributionState.PAUSED)
ENDED = (DistributionState.COMPLETED, DistributionState.CANCELLED)
SWEEP_PERIOD = timedelta(days=2)  # after its window ended


class DistributionQuerySet(models.QuerySet["Distribution"]):
    def sending(self) -> DistributionQuerySet:
        return self.filter(state=DistributionState.SENDING)

    def running(self) -> DistributionQuerySet:
        return self.filter(state__in=RUNNING)

    def with_deliveries(self) -> DistributionQuerySet:
        """Opened ones that had recipients and whose deliveries are still stored."""
        return self.filter(
            opened_at__isnull=False, recipients__gt=0, deliveries_removed_at__isnull=True
        )

    def lately_ended(self, now: datetime) -> DistributionQuerySet:
        """Ended ones whose last calls may have left unsettled deliveries behind."""
        ended = self.filter(state__in=ENDED, window_end__gt=now - SWEEP_PERIOD)
        return ended.order_by("pk")


class Distribution(models.Model):
    """Only `distribution/lifecycle/{schedule,opening,control,closing}.py` change its state."""

    kind = models.CharField(max_length=8, choices=Kind)
    local_date = models.DateField(db_index=True)  # the day in India
    planned_at = models.DateTimeField()
    content = models.ForeignKey(Content, models.PROTECT, null=True, blank=True, related_name="+")
    state = models.CharField(
        max_length=21, choices=DistributionState, default=DistributionState.SCHEDULED
    )
    state_reason = models.CharField(max_length=200, blank=True, default="")
    # While PAUSED for a failure that hits everybody: its slug. Kept when the window ends.
    pause_cause = models.CharField(max_length=40, blank=True, default="", db_default="")
    # What was true when it was last paused for a cause (`lifecycle/pause_facts.py`).
    pause_facts = models.JSONField(default=dict, blank=True, db_default={})
    resume_no = models.PositiveSmallIntegerField(default=0, db_default=0)
    resumed_at = models.DateTimeField(null=True, blank=True)
    # The cause in spite of which a person resumed it last.
    accepted_cause = models.CharField(max_length=40, blank=True, default="", db_default="")

    # Why people are to get content that they have that day already; empty: they are left out.
    again_reason = models.CharField(max_length=200, blank=True, default="", db_default="")

    # Who asked for it by hand, with which token, and who confirmed it: never the same person.
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    requested_token = models.ForeignKey(
        ApiToken, models.PROTECT, null=True, blank=True, related_name="+"
    )
    confirm_by = models.DateTimeField(null=True, blank=True)  # unconfirmed then, it is MISSED
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)

    # Which portfolio carries how many batches (`lifecycle/portfolio_plan.py`); empty: any.
    portfolio_plan = models.JSONField(default=dict, blank=True, db_default={})

    # What it is sent with, where that is not the content's own template, and the standby that a
    # share of the people gets instead (`quality/sent_templates.py`). Fixed when it opens.
    message_template = models.ForeignKey(
        MessageTemplate, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    warm_template = models.ForeignKey(
        MessageTemplate, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    warm_per_mille = models.PositiveSmallIntegerField(default=0, db_default=0)

    # What may take over, and what has taken over while it ran (`lifecycle/rung_change.py`); null:
    # the ladder's first rung.
    ladder = models.ForeignKey(
        Ladder, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    rung = models.ForeignKey(
        LadderRung, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )

    opened_at = models.DateTimeField(null=True, blank=True)
    window_end = models.DateTimeField(null=True, blank=True)  # no send begins after it
    sla_deadline = models.DateTimeField(null=True, blank=True)
    recipients = models.PositiveIntegerField(default=0)  # the frozen audience
    batches = models.PositiveIntegerField(default=0)
    # While slices of its audience are still to be frozen: `recipients` says for how many people,
    # `batches` counts those of the slices so far (`lifecycle/preparing.py`).
    preparing = models.BooleanField(default=False, db_default=False)

    completed_at = models.DateTimeField(null=True, blank=True)
    # When the partition of its deliveries was dropped: what was counted of them stays.
    deliveries_removed_at = models.DateTimeField(null=True, blank=True)
    # Two measures, null before the first measurement: shares of the recipients owed, 0..1.
    sla_accepted = models.FloatField(null=True, blank=True)
    sla_delivered = models.FloatField(null=True, blank=True)
    results = models.JSONField(default=dict, blank=True)

    objects = DistributionQuerySet.as_manager()

    class Meta:
        ordering = ["-planned_at"]
        permissions = [
            ("pause_distribution", "Can pause and resume a distribution"),
            ("cancel_distribution", "Can cancel a distribution"),
            ("start_distribution", "Can start a distribution before its time"),
            ("confirm_distribution", "Can confirm a distribution that someone else asked for"),
        ]
        constraints = [
            # Two triggers, two beats, two ticks: still one distribution a day.
            models.UniqueConstraint(
                fields=["kind", "local_date"],
                condition=Q(kind="DAILY"),
                name="distribution_one_daily_a_day",
            ),
            value_is_known("distribution", "state", DistributionState),
            value_is_known("distribution", "kind", Kind),
            models.CheckConstraint(
                condition=Q(requested_by__isnull=True)
                | Q(confirmed_by__isnull=False)
                | Q(state__in=["AWAITING_CONFIRMATION", "CANCELLED", "MISSED"]),
                name="distribution_confirmed_first",
            ),
            models.CheckConstraint(
                condition=~Q(confirmed_by=F("requested_by")),
                name="distribution_confirmed_by_another",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["SENDING", "PAUSED", "COMPLETED"])
                | Q(opened_at__isnull=False, window_end__isnull=False),
                name="distribution_open_has_window",
            ),
        ]
        indexes = [
            # The tick reads live ones only, a handful among years of them.
            models.Index(
                fields=["planned_at"],
                condition=Q(state__in=["SCHEDULED", "BLOCKED", "SENDING", "PAUSED"]),
                name="distribution_live",
            )
        ]

    def __str__(self) -> str:
        """`Daily distribution of 23 Nov 2026`; the others, of which a day has several, with the
        time they were planned for."""
        name = f"{self.get_kind_display()} distribution of {self.local_date:%-d %b %Y}"
        if self.kind == Kind.DAILY:
            return name
        return f"{name}, {timezone.localtime(self.planned_at):%H:%M %Z}"

    @property
    def used_template(self) -> MessageTemplate | None:
        """The template that it is sent with now; None while it has no content."""
        if self.rung is not None:
            return self.rung.message_template
        return self.first_template

    @property
    def first_template(self) -> MessageTemplate | None:
        """What it began with, whatever rung it has taken: its own, else the content's."""
        if self.message_template is not None or self.content is None:
            return self.message_template
        return self.content.message_template

    @property
    def used_content(self) -> Content | None:
        """The content that it sends now; None while it has none."""
        return self.content if self.rung is None else self.rung.content

    @property
    def place(self) -> int:
        """Of its rung on its ladder; 0: the first."""
        return 0 if self.rung is None else self.rung.place
