"""Distributions, deliveries and alerts in the admin, to look at; content goes through approval."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from distribution import approval
from distribution.approval import ApprovalError
from distribution.models import (
    Alert,
    Approval,
    Attempt,
    Content,
    ContentState,
    Delivery,
    Distribution,
    MessageTemplate,
)
from subscribers.phones import mask

# Django's admin takes no type arguments at run time, whatever its stubs say: `type-arg` below.


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shown, never edited: only the app's own functions write these."""

    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Model | None = None,  # noqa: ARG002
    ) -> bool:
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Model | None = None,  # noqa: ARG002
    ) -> bool:
        return False


@admin.register(Content)
class ContentAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["day", "title", "state", "message_template", "author"]
    list_filter = ["state", "is_fallback"]
    list_select_related = ["message_template", "author"]
    readonly_fields = ["state", "author", "submitted_at", "decided_at"]
    actions = ["submit", "approve"]

    def save_model(self, request: HttpRequest, obj: Content, form: Any, change: bool) -> None:
        if not change and request.user.pk is not None:
            obj.author_id = request.user.pk
        super().save_model(request, obj, form, change)

    def has_change_permission(self, request: HttpRequest, obj: Content | None = None) -> bool:
        frozen = obj is not None and obj.state != ContentState.DRAFT
        return not frozen and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Content | None = None) -> bool:
        frozen = obj is not None and obj.state != ContentState.DRAFT
        return not frozen and super().has_delete_permission(request, obj)

    @admin.action(description="Submit for approval", permissions=["change"])
    def submit(self, request: HttpRequest, contents: QuerySet[Content]) -> None:
        self._each(request, contents, approval.submit)

    @admin.action(description="Approve", permissions=["change"])
    def approve(self, request: HttpRequest, contents: QuerySet[Content]) -> None:
        self._each(request, contents, approval.approve)

    def _each(self, request: HttpRequest, contents: QuerySet[Content], step: Any) -> None:
        for content in contents:
            try:
                step(content, by=request.user, now=timezone.now())
            except ApprovalError as error:
                self.message_user(request, f"{content}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{content}: {content.get_state_display()}.")


@admin.register(Approval)
class ApprovalAdmin(ReadOnly):
    list_display = ["at", "content", "decision", "by", "reason"]
    list_select_related = ["content", "by"]


@admin.register(MessageTemplate)
class MessageTemplateAdmin(ReadOnly):
    list_display = ["name", "language", "category", "status", "quality", "synced_at"]
    list_filter = ["status", "category", "language"]


@admin.register(Distribution)
class DistributionAdmin(ReadOnly):
    list_display = [
        *("local_date", "kind", "state", "recipients", "sla_accepted", "sla_delivered"),
        *("opened_at", "completed_at", "state_reason"),
    ]
    list_filter = ["kind", "state"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ["pk", "distribution", "masked", "tier", "state", "progress", "reason", "number"]
    list_filter = ["state", "progress", "tier", "reason"]
    list_select_related = ["distribution", "number"]
    exclude = ["phone", "claim_token"]
    show_full_result_count = False

    @admin.display(description="phone")
    def masked(self, delivery: Delivery) -> str:
        return mask(delivery.phone)


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    list_display = ["ended_at", "delivery", "outcome", "reason", "code", "number"]
    list_filter = ["outcome", "reason"]
    list_select_related = ["delivery", "number"]


@admin.register(Alert)
class AlertAdmin(ReadOnly):
    list_display = ["opened_at", "severity", "rule", "scope", "message", "closed_at"]
    list_filter = ["severity", "rule"]
