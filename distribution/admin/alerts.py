"""Alerts in the admin: open ones, who acknowledged them, and earlier ones."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import action, display

from distribution.alerts import incidents
from distribution.models import Alert
from subscribers.admin.confirmed_action import log_action
from subscribers.admin.page_frame import staff_user
from subscribers.admin.read_only import ReadOnlyAdmin

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
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        chosen = list(queryset.filter(closed_at=None, acknowledged_at=None))
        pks = [alert.pk for alert in chosen]
        done = incidents.acknowledge(pks, by=staff_user(request).pk, now=timezone.now())
        for alert in chosen:
            log_action(self, request, alert, "Acknowledged.")
        self.message_user(request, f"{done} acknowledged.", messages.SUCCESS)

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("distribution.acknowledge_alert")
