"""The audit log in the admin, read-only: who did what, when, from where, before and after."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from config.staff.audit_log import message_parts
from subscribers.admin.read_only import ReadOnlyAdmin


@admin.register(LogEntry)
class AuditAdmin(ReadOnlyAdmin):
    list_display = ["action_time", "who", "act", "target", "reason", "address"]
    list_display_links = ["action_time", "act"]
    list_filter = ["action_flag", "content_type", "user"]
    list_select_related = ["user", "content_type"]
    search_fields = ["object_repr", "change_message", "user__username"]
    search_help_text = "A name, a reason, an address, or what was changed"
    date_hierarchy = "action_time"
    ordering = ["-action_time", "-id"]
    show_full_result_count = False
    fields = ["action_time", "who", "act", "target", "reason", "address", "difference"]
    readonly_fields = fields

    @display(ordering="user__username")
    def who(self, entry: LogEntry) -> str:
        return entry.user.get_username()

    @display(description="what")
    def act(self, entry: LogEntry) -> str:
        acts = " ".join(part["act"] for part in message_parts(entry) if "act" in part)
        return acts or entry.get_change_message() or entry.get_action_flag_display()

    @display(description="of what")
    def target(self, entry: LogEntry) -> str:
        kind = entry.content_type
        return f"{kind.name}: {entry.object_repr}" if kind else entry.object_repr

    @display(description="why")
    def reason(self, entry: LogEntry) -> str:
        return " ".join(str(part["reason"]) for part in message_parts(entry) if part.get("reason"))

    @display(description="from where")
    def address(self, entry: LogEntry) -> str:
        addresses = [str(part["ip"]) for part in message_parts(entry) if part.get("ip")]
        return addresses[-1] if addresses else ""

    @display(description="before and after")
    def difference(self, entry: LogEntry) -> SafeString:
        rows = [
            (name, _plain(before.get(name)), _plain(after.get(name)))
            for before, after in map(_sides, message_parts(entry))
            for name in [*before, *(name for name in after if name not in before)]
        ]
        if not rows:
            return format_html("{}", "Nothing was written down.")
        lines = format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td></tr>", rows)
        head = "<tr><th>What</th><th>Before</th><th>After</th></tr>"
        return format_html("<table class='difference'>" + head + "{}</table>", lines)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("admin.view_logentry")


def _sides(part: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    before, after = part.get("before"), part.get("after")
    return _named(before, "before"), _named(after, "after")


def _named(side: Any, name: str) -> dict[str, Any]:
    if side is None:
        return {}
    return side if isinstance(side, dict) else {name: side}


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
