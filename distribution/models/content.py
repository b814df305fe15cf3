"""One day's content, the message template that carries it, and who decided on it."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from distribution.models.access import ApiToken
from distribution.models.groups import GroupRole, RotationGroup
from phonepool.constraints import value_is_known
from phonepool.models import Waba
from subscribers.append_only import AppendOnly


class TemplateStatus(models.TextChoices):
    """Meta's status; only APPROVED can be sent."""

    APPROVED = "APPROVED"
    PENDING = "PENDING"
    REJECTED = "REJECTED"
    PAUSED = "PAUSED"
    DISABLED = "DISABLED"
    OTHER = "OTHER"  # archived, locked, in appeal, or a status that Meta adds


class MessageTemplate(models.Model):
    """Our mirror of one of Meta's message templates."""

    # Null: not known yet. Two accounts may have templates of the same name.
    waba = models.ForeignKey(
        Waba,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="templates",
        verbose_name="WhatsApp account",
    )
    meta_id = models.CharField(max_length=32, blank=True, default="")
    name = models.CharField(max_length=512)
    language = models.CharField(max_length=10, default="en")  # underscore form, `en_US`
    category = models.CharField(max_length=16, default="UTILITY")
    status = models.CharField(max_length=10, choices=TemplateStatus, default=TemplateStatus.PENDING)
    quality = models.CharField(max_length=8, blank=True, default="")
    components = models.JSONField(default=list, blank=True)
    # The name of its group, repeated: the version before this one and the API's lists read it.
    rotation_group = models.CharField(max_length=40, blank=True, default="")
    # Templates of one group may stand in for each other; `quality/groups.py` alone writes these.
    group = models.ForeignKey(
        RotationGroup, models.PROTECT, null=True, blank=True, related_name="templates"
    )
    group_role = models.CharField(
        max_length=7, choices=GroupRole, blank=True, default="", db_default=""
    )
    is_fallback = models.BooleanField(default=False)
    metrics = models.JSONField(default=dict, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)
    # What Meta said of each fact last, and when: an older notice does not undo a newer one.
    status_at = models.DateTimeField(null=True)
    status_reason = models.CharField(max_length=200, blank=True, default="")
    quality_at = models.DateTimeField(null=True)
    category_at = models.DateTimeField(null=True)
    category_before = models.CharField(max_length=16, blank=True, default="")
    # The category that Meta announces or means; the same as `category` where nothing is to change.
    correct_category = models.CharField(max_length=16, blank=True, default="")
    correct_category_at = models.DateTimeField(null=True)
    sub_category = models.CharField(max_length=40, blank=True, default="")
    send_ttl_seconds = models.IntegerField(null=True)  # Meta drops what is older; null: its default
    source = models.CharField(max_length=40, blank=True, default="")  # who made it, in Meta's word

    class Meta:
        ordering = ["name", "language"]
        constraints = [
            models.UniqueConstraint(fields=["waba", "name", "language"], name="template_once"),
            models.UniqueConstraint(
                fields=["name", "language"],
                condition=Q(waba__isnull=True),
                name="template_once_without_account",
            ),
            value_is_known("template", "status", TemplateStatus),
            models.UniqueConstraint(
                fields=["group"], condition=Q(group_role="PRIMARY"), name="group_one_primary"
            ),
            models.CheckConstraint(
                condition=Q(group=None, group_role="")
                | Q(group__isnull=False, group_role__in=GroupRole.values),
                name="template_role_in_group",
            ),
        ]
        permissions = [("sync_templates", "Can fetch message templates from Meta")]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"


class ContentState(models.TextChoices):
    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    APPROVED = "APPROVED"  # frozen from here on
    REJECTED = "REJECTED"
    REPLACED = "REPLACED"  # was approved; a newer version of it was approved after it


class ContentQuerySet(models.QuerySet["Content"]):
    def approved(self) -> ContentQuerySet:
        return self.filter(state=ContentState.APPROVED)

    def approved_for(self, day: date) -> Content | None:
        """The day's approved content, else the fallback in force, else None."""
        approved = self.filter(state=ContentState.APPROVED).select_related("message_template")
        return approved.filter(day=day, is_fallback=False).first() or self.fallback()

    def fallback(self) -> Content | None:
        """The approved fallback that was chosen last, else the one approved last."""
        approved = self.filter(state=ContentState.APPROVED, is_fallback=True)
        latest = approved.order_by(F("chosen_at").desc(nulls_last=True), "-decided_at")
        return latest.select_related("message_template").first()


class Content(models.Model):
    """One day's message. Only `distribution/content/approval.py` changes its state."""

    day = models.DateField(null=True, blank=True)  # null only for a fallback
    title = models.CharField(max_length=120)
    message_template = models.ForeignKey(MessageTemplate, models.PROTECT, related_name="contents")
    # One text per variable of the body, in order; `{name}` and other attributes are filled in.
    body_variables = models.JSONField(default=list, blank=True)
    button_variables = models.JSONField(default=dict, blank=True)  # text by the button's index
    # The header: {"type": "image", "id": …, "ids": {a number's Meta id: …}, …} or
    # {"type": "text", "text": …}.
    media = models.JSONField(default=dict, blank=True)
    is_fallback = models.BooleanField(default=False)
    state = models.CharField(max_length=9, choices=ContentState, default=ContentState.DRAFT)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="written_contents"
    )
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    replaces = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="newer_versions"
    )
    chosen_at = models.DateTimeField(null=True, blank=True)  # a fallback: when it was chosen
    # The message template's fingerprint when this was approved; empty: not recorded.
    approved_fingerprint = models.CharField(max_length=64, blank=True, default="")
    approved_category = models.CharField(max_length=16, blank=True, default="")  # the same
    # Its time to live then; null: Meta's default of 30 days, or not recorded.
    approved_ttl_seconds = models.IntegerField(null=True, blank=True)
    # Goes up with every edit and decision; named by each of them, so that none applies to texts
    # that its author has not seen.
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)

    objects = ContentQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "content"
        ordering = ["-day", "-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["day"],
                condition=Q(state="APPROVED", is_fallback=False),
                name="content_one_approved_a_day",
            ),
            value_is_known("content", "state", ContentState),
            models.CheckConstraint(
                condition=Q(is_fallback=True) | Q(day__isnull=False), name="content_has_a_day"
            ),
        ]
        permissions = [
            ("approve_content", "Can approve or reject content, and choose the fallback"),
            ("approve_late_content", "Can approve content after the evening's deadline"),
            ("send_test", "Can send a content to the staff's own phones"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({f'{self.day:%-d %b %Y}' if self.day else 'fallback'})"


class Decision(models.TextChoices):
    SUBMITTED = "SUBMITTED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    EDITED = "EDITED"  # an editor cannot approve it
    REPLACED = "REPLACED"
    CHOSEN = "CHOSEN"  # to be the fallback
    WITHDRAWN = "WITHDRAWN"  # by its author, before anybody decided
    COMMENTED = "COMMENTED"  # decides nothing


class Approval(AppendOnly):
    """Who decided what about a content, when and why. Append-only."""

    content = models.ForeignKey(Content, models.PROTECT, related_name="approvals")
    decision = models.CharField(max_length=9, choices=Decision)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    # The token it was done with; who made the token worked on it too. Null: done on a page.
    token = models.ForeignKey(ApiToken, models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=500, blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        verbose_name = "decision"
        constraints = [value_is_known("approval", "decision", Decision)]

    def __str__(self) -> str:
        return f"{self.get_decision_display()} by {self.by}"
