"""Subscribers, and the evidence of their consent."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length, Right
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual
from django.utils import timezone

from subscribers.append_only import AppendOnly
from subscribers.imported_people import ImportedPerson as ImportedPerson
from subscribers.imported_people import ImportUndo as ImportUndo
from subscribers.json_objects import IsObject
from subscribers.phones import BLANK_PREFIX
from subscribers.sent_forms import SentForm as SentForm
from subscribers.shown_sets import ShownSet as ShownSet

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

    def __str__(self) -> str:
        return f"suppression {self.pk}"


class Erasure(models.Model):
    """A request to be erased. Messages stop at once, the details are deleted later; the hash of
    the phone stays, so that no file adds the person again."""

    subscriber = models.OneToOneField(Subscriber, models.PROTECT, related_name="erasure")
    phone_hash = models.CharField(max_length=64, db_index=True)
    reason = models.CharField(max_length=200)
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    purged_at = models.DateTimeField(null=True, blank=True)
    # The latest STOP since: all that is kept of it. A START that is not later brings nobody back.
    stopped_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"erasure of subscriber {self.subscriber_id}"


class ErasedIdentity(models.Model):
    """The hash of a user id or of a WhatsApp id of somebody who asked to be erased."""

    erasure = models.ForeignKey(Erasure, models.CASCADE, related_name="identities")
    identity_hash = models.CharField(max_length=64, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["erasure", "identity_hash"], name="erased_identity_once"
            ),
        ]
        default_permissions = ()  # shown on no page
        verbose_name_plural = "erased identities"

    def __str__(self) -> str:
        return f"identity of {self.erasure}"


class ImportState(models.TextChoices):
    CHECKING = "CHECKING", "Being checked"
    CHECKED = "CHECKED", "Checked, waiting for you"
    IMPORTING = "IMPORTING", "Being imported"
    DONE = "DONE", "Imported"
    REFUSED = "REFUSED", "Refused"  # the whole file, `problem` says why
    CANCELLED = "CANCELLED", "Cancelled"


class ImportJob(models.Model):
    """One uploaded list. Only `importing/jobs.py` writes it."""

    filename = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)  # SHA-256 of the file as it was uploaded
    state = models.CharField(max_length=9, choices=ImportState, default=ImportState.CHECKING)
    problem = models.CharField(max_length=500, blank=True, default="")
    consent_source = models.CharField(max_length=500, blank=True, default="")
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    # The moment that the import's evidence names: a second try must say the same as the first.
    confirmed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    lines = models.PositiveIntegerField(default=0)
    last_line = models.PositiveIntegerField(default=0)  # done to here, committed with the rows
    counts = models.JSONField(default=dict)
    checked = models.JSONField(default=dict)  # the counts of the check before it
    columns = models.JSONField(default=dict)  # what a person made of columns, by their place
    samples = models.JSONField(default=dict)  # some rows of each kind, as the check found them
    # Who works on it, until when: after that it may be taken over.
    runner = models.CharField(max_length=36, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=ImportState.values), name="importjob_state_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=Q(state__in=["CHECKING", "IMPORTING"]),
                name="importjob_running",
            ),
        ]
        verbose_name = "import"

    def __str__(self) -> str:
        return self.filename


class ImportFile(models.Model):
    """The bytes of an import, where every process can reach them; removed after some days."""

    job = models.OneToOneField(ImportJob, models.CASCADE, related_name="file")
    is_workbook = models.BooleanField(default=False)  # not yet turned into CSV
    content = models.BinaryField()

    def __str__(self) -> str:
        return f"file of import {self.job_id}"


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
        ]

    def __str__(self) -> str:
        return f"subscriber {self.subscriber_id}: {self.kind} by {self.source}"
