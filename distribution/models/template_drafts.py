"""A better version of a message template: drafted, approved by a person, then reviewed by Meta."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from distribution.models.content import MessageTemplate
from phonepool.constraints import value_is_known
from subscribers.append_only import AppendOnly


class DraftState(models.TextChoices):
    DRAFTED = "DRAFTED", _("Waits for approval")
    APPROVED = "APPROVED", _("Approved, not created yet")
    SUBMITTED = "SUBMITTED", _("Being created at Meta")  # the call is under way, or its end unknown
    PENDING = "PENDING", _("In review at Meta")
    READY = "READY", _("Approved by Meta")
    WRONG_CATEGORY = "WRONG_CATEGORY", _("Filed in another category by Meta")  # never sent
    REJECTED = "REJECTED", _("Rejected by Meta")
    DISCARDED = "DISCARDED", _("Discarded")


OPEN_STATES = (
    DraftState.DRAFTED,
    DraftState.APPROVED,
    DraftState.SUBMITTED,
    DraftState.PENDING,
)


class TemplateDraft(models.Model):
    """Only `distribution/drafting/` changes it. A template has at most one open draft."""

    source = models.ForeignKey(MessageTemplate, models.PROTECT, related_name="drafts")
    # Of the source's components when this was drafted: it may not have changed since.
    source_fingerprint = models.CharField(max_length=64)
    # Meta's name for it. Never used twice: Meta blocks the name of a deleted template.
    name = models.CharField(max_length=512, unique=True)
    category = models.CharField(max_length=16)  # the one it is to have at Meta
    components = models.JSONField()
    changes = models.JSONField(default=list)  # rule, part, before, after and reason of each
    evidence = models.CharField(max_length=500, blank=True, default="")  # what it rests on
    by_rule = models.BooleanField(default=False)  # nobody asked for it
    state = models.CharField(max_length=14, choices=DraftState, default=DraftState.DRAFTED)
    # Goes up with every edit: an approval names the version that was read.
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)  # when the latest call to Meta began
    ended_at = models.DateTimeField(null=True)
    template = models.OneToOneField(
        MessageTemplate, models.PROTECT, null=True, related_name="drafted_as"
    )
    answer = models.CharField(max_length=600, blank=True, default="")  # Meta's, in plain words

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            value_is_known("templatedraft", "state", DraftState),
            models.UniqueConstraint(
                fields=["source"],
                condition=Q(state__in=[state.value for state in OPEN_STATES]),
                name="template_one_open_draft",
            ),
        ]
        permissions = [
            ("write_template_draft", "Can draft, edit and discard a better message template"),
            ("approve_template_draft", "Can approve a drafted message template"),
            ("create_template", "Can create an approved draft at Meta"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


class DraftAct(models.TextChoices):
    DRAFTED = "DRAFTED", _("Drafted")
    EDITED = "EDITED", _("Edited")  # an editor cannot approve it
    APPROVED = "APPROVED", _("Approved")
    CREATED = "CREATED", _("Created at Meta")
    DISCARDED = "DISCARDED", _("Discarded")


class DraftStep(AppendOnly):
    """Who did what to a draft, when and why. Append-only."""

    draft = models.ForeignKey(TemplateDraft, models.PROTECT, related_name="steps")
    act = models.CharField(max_length=9, choices=DraftAct)
    # Null: a rule drafted it.
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    version = models.PositiveIntegerField()
    reason = models.CharField(max_length=300, blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            value_is_known("draftstep", "act", DraftAct),
            models.CheckConstraint(
                condition=Q(by__isnull=False) | Q(act="DRAFTED"), name="draftstep_has_user"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_act_display()} by {self.by or 'a rule'}"
