"""Alerts in the admin: open ones, who acknowledged them, and earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import action, display

from distribution.alerts import incidents
from distribution.models import Alert
from subscribers.admin.confirmed_action import Confirmation, confirm_all_pages, log_rows
from subscribers.admin.page_frame import staff_user
from subscribers.admin.read_only import ReadOnlyAdmin
from subscribers.admin.shown_rows import Selection

OPEN, ACKNOWLEDGED, CLOSED = "open", "acknowledged", "closed"


class AlertStateFilter(admin.SimpleListFilter):
    """Open and not acknowledged, open and acknowledged, or closed."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(word, word.capitalize()) for word in (OPEN, ACKNOWLEDGED, CLOSED)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        if self.value() == OPEN:
            return queryset.filter(closed_at=None, acknowledged_at=None)
        if self.value() == ACKNOWLEDGED:
            return queryset.filter(closed_at=None).exclude(acknowledged_at=None)
        return queryset.exclude(closed_at=None) if self.value() == CLOSED else queryset


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = [
        "opened_at",
        "state_badge",
        "severity_badge",
        "message",
        "acknowledged_by",
        "closed_at",
    ]
    list_display_links = ["opened_at", "message"]
    list_filter = [AlertStateFilter, "severity", "rule"]
    list_select_related = ["acknowledged_by"]
    search_fields = ["message", "scope"]
    fields = [
        "rule",
        "scope",
        "severity",
        "message",
        "opened_at",
        "notified_at",
        "acknowledged_at",
        "acknowledged_by",
        "closed_at",
    ]
    actions = ["acknowledge"]

    @display(
        description="state",
        label={"Open": "danger", "Acknowledged": "warning", "Closed": "success"},
    )
    def state_badge(self, alert: Alert) -> str:
        if alert.closed_at is not None:
            return CLOSED.capitalize()
        return (ACKNOWLEDGED if alert.acknowledged_at else OPEN).capitalize()

    @display(
        description="severity",
        ordering="severity",
        label={"Critical": "danger", "Warning": "warning"},
    )
    def severity_badge(self, alert: Alert) -> str:
        return alert.get_severity_display()

    @action(description="Acknowledge: I look after it", permissions=["acknowledge"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Alert]) -> Any:
        waiting = queryset.filter(closed_at=None, acknowledged_at=None)
        rows = Selection(waiting, ("message", "severity"))
        consequence = "Everybody sees that you look after them. They close when their cause ends."
        page = Confirmation("Acknowledge alerts", [consequence], "Acknowledge them", rows)

        def acknowledge_all(pks: Sequence[int]) -> None:
            done = incidents.acknowledge(pks, by=staff_user(request).pk, now=timezone.now())
            log_rows(self, request, rows, pks, "Acknowledged.")
            self.message_user(request, f"{done} acknowledged.", messages.SUCCESS)

        return confirm_all_pages(self, request, page, acknowledge_all)

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("distribution.acknowledge_alert")
