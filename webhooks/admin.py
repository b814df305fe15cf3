"""The inbox in the admin: stored webhooks, masked, and dead letters to be tried again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from subscribers.admin.confirmed_action import Confirmation, confirm_selected, log_rows
from subscribers.admin.read_only import ReadOnlyAdmin
from subscribers.admin.shown_rows import Selection
from webhooks import masking
from webhooks.applying import dead_letters
from webhooks.models import WebhookEvent
from webhooks.receiving import nudger


class StateFilter(admin.SimpleListFilter):
    """Pending, applied or dead."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("pending", "pending"), ("applied", "applied"), ("dead", gettext("given up"))]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[WebhookEvent],
    ) -> QuerySet[WebhookEvent]:
        if self.value() == "pending":
            return queryset.filter(processed_at=None, dead_at=None)
        if self.value() == "applied":
            return queryset.exclude(processed_at=None)
        return queryset.exclude(dead_at=None) if self.value() == "dead" else queryset


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    """Shown, never edited: only the inbox writes these."""

    list_display = ["id", "received_at", "state", "failed_tries", "unknown", "unused", "foreign"]
    list_filter = [StateFilter]
    show_full_result_count = False  # counting millions of rows takes seconds
    ordering = ["-id"]
    fields = (
        *list_display,
        "processed_at",
        "dead_at",
        "to_be_matched_at",
        "signed_with",
        "digest",
        "error",
        "masked",
    )
    readonly_fields = fields
    actions = ["reprocess"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEvent]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        return rows if match and "object_id" in match.kwargs else rows.defer("body", "error")

    @admin.display(description="state")
    def state(self, row: WebhookEvent) -> str:
        if row.dead_at:
            return gettext("given up")
        return "applied" if row.processed_at else "pending"

    @admin.display(description=_("failed attempts"), ordering="tries")
    def failed_tries(self, row: WebhookEvent) -> int:
        return row.tries

    @admin.display(description=_("reports about unknown messages"), ordering="unmatched")
    def unknown(self, row: WebhookEvent) -> int:
        return row.unmatched

    @admin.display(description=_("entries without use"), ordering="skipped")
    def unused(self, row: WebhookEvent) -> int:
        return row.skipped

    @admin.display(description=_("entries of other phone numbers"), ordering="parked")
    def foreign(self, row: WebhookEvent) -> int:
        return row.parked

    @admin.display(description=_("unknown messages are looked up again at"), empty_value="–")
    def to_be_matched_at(self, row: WebhookEvent) -> datetime | None:
        return row.again_at

    @admin.display(description=_("signed with app secret"))
    def signed_with(self, row: WebhookEvent) -> str:
        return (
            gettext("current") if row.secret_no == 0 else gettext("former (no. %d)") % row.secret_no
        )

    @admin.display(description="body")
    def masked(self, row: WebhookEvent) -> str:
        return format_html("<pre>{}</pre>", masking.mask_body(bytes(row.body)))

    @admin.action(description=_("Retry webhooks that were given up"), permissions=["reprocess"])
    def reprocess(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> Any:
        rows = Selection(queryset.exclude(dead_at=None), ("dead_at",), _told, ("body", "error"))

        def reprocess_all(pks: Sequence[int], reason: str) -> None:
            revived = dead_letters.reprocess(pks, now=timezone.now())
            log_rows(self, request, rows, pks, "Tried again.", reason=reason)
            nudger.request_drain()
            self.message_user(request, gettext("Retrying %d webhooks.") % revived, messages.SUCCESS)

        consequence = gettext("They are processed within seconds. Doing so twice changes nothing.")
        page = Confirmation(gettext("Retry webhooks"), [consequence], gettext("Retry"), rows)
        return confirm_selected(self, request, page, reprocess_all)

    def has_reprocess_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("webhooks.reprocess_webhookevent")


def _told(webhook: WebhookEvent) -> str:
    return f"Webhook {webhook.pk}"
