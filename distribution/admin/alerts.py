"""Alerts in the admin: open ones, who acknowledged them, and earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from distribution.admin import alert_links
from distribution.alerts import incidents
from distribution.models import Alert, Notification
from distribution.runtime.text_formats import relative
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
        "opened",
        "state_badge",
        "severity_badge",
        "message",
        "who_acknowledged",
        "closed",
    ]
    list_display_links = ["opened", "message"]
    list_filter = [AlertStateFilter, "severity", "rule"]
    list_select_related = ["acknowledged_by"]
    search_fields = ["message", "scope"]
    fields = [
        "message",
        "about",
        "what_to_do",
        "severity",
        "kind",
        "opened_at",
        "sent_to_staff",
        "notices",
        "acknowledged_at",
        "who_acknowledged",
        "closed_at",
    ]
    readonly_fields = [
        "about",
        "what_to_do",
        "kind",
        "sent_to_staff",
        "notices",
        "who_acknowledged",
    ]
    actions = ["acknowledge"]

    @display(description=_("opened"), ordering="opened_at")
    def opened(self, alert: Alert) -> str:
        return _when(alert.opened_at)

    @display(description=_("closed"), ordering="closed_at", empty_value="–")
    def closed(self, alert: Alert) -> str | None:
        return _when(alert.closed_at) if alert.closed_at else None

    @display(description=_("about"), empty_value="–")
    def about(self, alert: Alert) -> str | None:
        return alert_links.about(alert) or None

    @display(description=_("what to do"), empty_value="–")
    def what_to_do(self, alert: Alert) -> str | None:
        return alert_links.RULES[alert.rule].remedy if alert.rule in alert_links.RULES else None

    @display(description=_("kind"))
    def kind(self, alert: Alert) -> str:
        return alert.rule.replace("_", " ").capitalize()

    @display(description=_("sent to staff"), empty_value="–")
    def sent_to_staff(self, alert: Alert) -> str | None:
        return _when(alert.notified_at) if alert.notified_at else None

    @display(description=_("notices"), empty_value=_("No channel was told."))
    def notices(self, alert: Alert) -> str | None:
        """What each channel was told, the latest first."""
        rows = alert.notices.select_related("destination").order_by("-pk")
        lines = [(_notice(row),) for row in rows[:30]]
        if not lines:
            return None
        left = rows.count() - len(lines)
        earlier = [(gettext("%(count)s earlier ones") % {"count": f"{left:,}"},)] if left else []
        return format_html_join(mark_safe("<br>"), "{}", [*lines, *earlier])

    @display(description=_("acknowledged by"), empty_value="–")
    def who_acknowledged(self, alert: Alert) -> str | None:
        person = alert.acknowledged_by
        return alert.acknowledged_via or (str(person) if person else None)

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

    @action(description=_("Acknowledge"), permissions=["acknowledge"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Alert]) -> Any:
        waiting = queryset.filter(closed_at=None, acknowledged_at=None)
        rows = Selection(waiting, ("message", "severity"))
        consequence = gettext(
            "Everyone sees that you are working on them. They close when their cause ends."
        )
        page = Confirmation(
            gettext("Acknowledge alerts"), [consequence], gettext("Acknowledge"), rows
        )

        def acknowledge_all(pks: Sequence[int]) -> None:
            done = incidents.acknowledge(pks, by=staff_user(request).pk, now=timezone.now())
            log_rows(self, request, rows, pks, "Acknowledged.")
            self.message_user(request, f"{done} acknowledged.", messages.SUCCESS)

        return confirm_all_pages(self, request, page, acknowledge_all)

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("distribution.acknowledge_alert")


def _notice(row: Notification) -> str:
    state = row.get_state_display()
    at = f"{timezone.localtime(row.sent_at or row.next_at):%H:%M:%S %Z}"
    error = f" {row.error}" if row.error else ""
    return f"{row.destination}: {row.get_kind_display()}, {state.lower()} {at}.{error}"


def _when(moment: datetime) -> str:
    """`29 Nov 2026, 06:00 IST (5 min ago)`."""
    local = timezone.localtime(moment)
    return f"{local:%-d %b %Y, %H:%M %Z} ({relative(moment, timezone.now())})"
