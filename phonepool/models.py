"""The phone numbers we send from, their accounts at Meta, and the history of each number."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from phonepool.constraints import value_is_known


class Quality(models.TextChoices):
    """Meta's GREEN, YELLOW, RED in the customer's terms HIGH, MEDIUM, LOW."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    FLAGGED = "FLAGGED"
    UNKNOWN = "UNKNOWN"


class NumberState(models.TextChoices):
    ACTIVE = "ACTIVE"  # takes slots
    STANDBY = "STANDBY"  # a backup that is not needed now
    RESTING = "RESTING", "Paused"  # unused until `rest_until`, then ACTIVE again
    DISABLED = "DISABLED"  # unused until a user enables it or Meta lifts a flag


class Role(models.TextChoices):
    PRIMARY = "PRIMARY"
    BACKUP = "BACKUP"


class Breaker(models.TextChoices):
    CLOSED = "CLOSED"  # calls are made
    OPEN = "OPEN"  # no calls until `breaker_until`
    HALF_OPEN = "HALF_OPEN"  # one trial message is under way


class RampCause(models.TextChoices):
    """Why a number may use only a part of its speed."""

    NONE = ""
    NEW = "NEW"  # it is warmed up
    QUALITY = "QUALITY"  # its quality fell


class Portfolio(models.Model):
    """Meta's business portfolio: its 24 h limit of recipients is shared by all its numbers."""

    business_id = models.CharField("portfolio ID", max_length=32, unique=True)
    name = models.CharField(max_length=80, blank=True, default="")
    # Unique recipients in a rolling 24 h; null = unlimited.
    recipient_limit = models.PositiveIntegerField(null=True, blank=True)
    limit_at = models.DateTimeField(null=True, editable=False)  # of Meta's latest word on the limit
    # Open while the fault is the account's or Meta's: all its numbers' breakers are open, too.
    breaker = models.CharField(max_length=9, choices=Breaker, default=Breaker.CLOSED)
    breaker_reason = models.CharField(max_length=80, blank=True, default="")
    # Meta asked for a pause of the whole account: no calls before this (Unix seconds).
    paused_until = models.FloatField(default=0.0, editable=False)

    class Meta:
        constraints = [
            value_is_known("portfolio", "breaker", Breaker),
        ]

    def __str__(self) -> str:
        return self.name or self.business_id


class Waba(models.Model):
    """A WhatsApp Business account of ours (Meta's Messaging Account): it owns numbers and message
    templates, and Meta's notices name it. One access token reaches all of them."""

    meta_id = models.CharField("account ID", max_length=32, unique=True)
    portfolio = models.ForeignKey(Portfolio, models.PROTECT, related_name="wabas")
    name = models.CharField(max_length=80, blank=True, default="")
    # What Meta bills it in, and the zone in which its prices change at midnight; empty: unknown.
    currency = models.CharField(max_length=3, blank=True, default="", db_default="", editable=False)
    time_zone = models.CharField(
        max_length=40, blank=True, default="", db_default="", editable=False
    )

    class Meta:
        ordering = ["name", "meta_id"]
        verbose_name = "WhatsApp account"

    def __str__(self) -> str:
        return self.name or self.meta_id


IN_SERVICE = (NumberState.ACTIVE, NumberState.STANDBY)


class PhoneNumberQuerySet(models.QuerySet["PhoneNumber"]):
    def able(self) -> PhoneNumberQuerySet:
        """Numbers that Meta knows as ours and has not flagged, whatever their state: no other
        number ever sends. `reservation.py` says the same in SQL."""
        return self.filter(verified_at__isnull=False).exclude(quality=Quality.FLAGGED)

    def in_service(self) -> PhoneNumberQuerySet:
        """As the property `can_send`."""
        return self.able().filter(state__in=IN_SERVICE)

    def usable(self) -> PhoneNumberQuerySet:
        """Numbers that may be given slots now."""
        return self.able().filter(state=NumberState.ACTIVE)

    def carrying(self) -> PhoneNumberQuerySet:
        """Usable numbers whose breaker is closed."""
        return self.usable().filter(breaker=Breaker.CLOSED)

    def able_to_send(self) -> PhoneNumberQuerySet:
        """Usable numbers whose breaker is closed, or lets one message try."""
        return self.usable().exclude(breaker=Breaker.OPEN)

    def standing_by(self) -> PhoneNumberQuerySet:
        return self.able().filter(state=NumberState.STANDBY)


class PhoneNumber(models.Model):
    """One number of the pool. Times used in arithmetic are Unix seconds (UTC), so that one UPDATE
    works the same on PostgreSQL and on SQLite."""

    meta_id = models.CharField("phone number ID", max_length=32, unique=True)
    display_number = models.CharField(max_length=20, blank=True, default="")
    label = models.SlugField(max_length=40, unique=True)
    portfolio = models.ForeignKey(Portfolio, models.PROTECT, related_name="numbers")
    # Null: not known yet. Its portfolio is the number's.
    waba = models.ForeignKey(
        Waba,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="numbers",
        verbose_name="WhatsApp account",
    )
    role = models.CharField(max_length=8, choices=Role, default=Role.PRIMARY)
    state = models.CharField(max_length=8, choices=NumberState, default=NumberState.ACTIVE)
    state_reason = models.CharField(max_length=80, blank=True, default="")
    rest_until = models.DateTimeField(null=True, blank=True)
    quality = models.CharField(max_length=8, choices=Quality, default=Quality.UNKNOWN)
    quality_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)  # when its state was last read from Meta
    # Since when Meta confirms that the number is ours; null: it cannot send.
    verified_at = models.DateTimeField(null=True, editable=False)
    # With database defaults: the version before this column may still insert numbers.
    verified_name = models.CharField(
        max_length=160, blank=True, default="", db_default="", editable=False
    )
    # Why the latest reading failed, in Meta's words; empty if it did not.
    meta_answer = models.CharField(
        max_length=300, blank=True, default="", db_default="", editable=False
    )
    # Meta's latest words on each of the two facts that `quality` is made of: the rating, kept while
    # the number is flagged, and the flag.
    rating = models.CharField(max_length=8, blank=True, default="", editable=False)
    rating_at = models.DateTimeField(null=True, editable=False)
    flag_at = models.DateTimeField(null=True, editable=False)

    rate_per_second = models.PositiveIntegerField(default=80)  # what Meta allows this number
    daily_capacity = models.PositiveIntegerField(default=100_000)

    next_slot = models.FloatField(default=0.0)  # the first free slot
    # The process that sends from it, since which of its times (Unix seconds), and for how many
    # seconds more; counted up with each reservation. `numbers/leases.py` explains them.
    holder = models.CharField(max_length=80, blank=True, default="", db_default="", editable=False)
    held_at = models.FloatField(default=0.0, db_default=0.0, editable=False)
    lease_seconds = models.FloatField(default=0.0, db_default=0.0, editable=False)
    renewals = models.BigIntegerField(default=0, db_default=0, editable=False)
    wanted_by = models.CharField(  # a process that asks the holder for it
        max_length=80, blank=True, default="", db_default="", editable=False
    )
    lent_until = models.FloatField(default=0.0, db_default=0.0, editable=False)  # to test sends
    day = models.DateField(null=True, blank=True)  # the day of `day_count`
    day_count = models.PositiveIntegerField(default=0)
    # AIMD after 130429: the rate right after the last cut, from which it climbs again.
    cut_rate = models.FloatField(null=True, blank=True)
    cut_at = models.FloatField(default=0.0)
    failures = models.PositiveIntegerField(default=0)  # consecutive rests; each doubles the next
    breaker = models.CharField(max_length=9, choices=Breaker, default=Breaker.CLOSED)
    breaker_at = models.FloatField(default=0.0)  # when it last opened or closed
    breaker_until = models.FloatField(default=0.0)  # not closed: no trial before this
    # The window in which faults are counted: its start, the faults, all reported calls.
    heard_at = models.FloatField(default=0.0)
    faults = models.PositiveIntegerField(default=0)
    heard = models.PositiveIntegerField(default=0)
    # The retry budget: remaining credit, slots of the day already counted, time of the update.
    retry_credit = models.FloatField(default=0.0)
    retry_seen = models.PositiveIntegerField(default=0)
    retry_at = models.FloatField(default=0.0)

    # From morning to morning: per cent of its speed, why, and when it was last judged.
    ramp = models.PositiveSmallIntegerField(default=100, db_default=100, editable=False)
    ramp_cause = models.CharField(
        max_length=7,
        choices=RampCause,
        blank=True,
        default=RampCause.NONE,
        db_default="",
        editable=False,
    )
    ramp_at = models.DateTimeField(null=True, editable=False)
    # Within a run, after a rest: per cent, since when (Unix seconds), the answers and faults since
    # then, no step up before, and how often it was taken back on that day.
    return_share = models.PositiveSmallIntegerField(default=100, db_default=100, editable=False)
    return_at = models.FloatField(default=0.0, db_default=0.0, editable=False)
    return_answers = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    return_faults = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    return_not_before = models.FloatField(default=0.0, db_default=0.0, editable=False)
    return_drops = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)

    objects = PhoneNumberQuerySet.as_manager()

    class Meta:
        ordering = ["role", "label"]
        permissions = [
            ("manage_phonenumber", "Can rest, enable, disable and promote phone numbers"),
            ("sync_phonenumber", "Can sync the phone numbers with Meta"),
        ]
        constraints = [
            value_is_known("phonenumber", "state", NumberState),
            value_is_known("phonenumber", "quality", Quality),
            value_is_known("phonenumber", "role", Role),
            value_is_known("phonenumber", "breaker", Breaker),
            value_is_known("phonenumber", "ramp_cause", RampCause),
            models.CheckConstraint(
                condition=Q(rate_per_second__gte=1), name="phonenumber_rate_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        if self.waba is not None and self.waba.portfolio_id != self.portfolio_id:
            raise ValidationError(
                {"waba": f"This account belongs to the portfolio {self.waba.portfolio}."}
            )

    @property
    def is_usable(self) -> bool:
        """As the query `usable()`."""
        return self.is_able and self.state == NumberState.ACTIVE

    @property
    def can_send(self) -> bool:
        """Whether it sends, or takes over when it is needed; the breaker aside."""
        return self.is_able and self.state in IN_SERVICE

    @property
    def is_able(self) -> bool:
        """As the query `able()`."""
        return self.verified_at is not None and self.quality != Quality.FLAGGED


class PhoneEvent(models.Model):
    """One change of a number, with time and reason. Append-only: the database refuses changes."""

    number = models.ForeignKey(PhoneNumber, models.PROTECT, related_name="events")
    kind = models.CharField(max_length=24)
    detail = models.CharField(max_length=200, blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["number", "at"], name="phone_event_history")]

    def __str__(self) -> str:
        return f"{self.kind} {self.detail}"


class AccountNotice(models.Model):
    """Meta's latest word on one topic about one account: a restriction, a ban, …"""

    account = models.CharField(max_length=32, blank=True)  # Meta's id of the WABA
    topic = models.CharField(max_length=64)
    event = models.CharField(max_length=80)
    detail = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()
    lifted = models.BooleanField()  # the trouble is over
    expires_at = models.DateTimeField(null=True)  # when it is over by itself

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "topic"], name="account_notice_once")
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.detail}".strip()
