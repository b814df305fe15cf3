"""Content in the admin: written and decided on here, step by step through approval.py."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from distribution import approval
from distribution.admin.reading import ReadOnly
from distribution.approval import ApprovalError
from distribution.models import Approval, Content, ContentState


@admin.register(Content)
class ContentAdmin(ModelAdmin):
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
