"""The audit log in the admin, read-only: who did what, when, from where, before and after."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from config.staff import audit_words
from config.staff.audit_log import message_parts
from subscribers.admin.page_frame import Titled
from subscribers.admin.read_only import ReadOnlyAdmin
from subscribers.admin.zone import shown_in_india


@admin.register(LogEntry)
class AuditAdmin(ReadOnlyAdmin):
    list_display = ["action_time", "who", "act", "target", "reason", "address"]
    list_display_links = ["action_time", "act"]
    list_filter = ["action_flag", "content_type", "user"]
    list_select_related = ["user", "content_type"]
    search_fields = ["object_repr", "change_message", "user__username"]
    search_help_text = _("A name, a reason, an IP address, or what was changed")
    date_hierarchy = "action_time"
    ordering = ["-action_time", "-id"]
    show_full_result_count = False
    fields = ["action_time", "who", "act", "target", "reason", "address", "difference"]
    readonly_fields = fields

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page, whose title says what was done instead of which row it was done to."""
        entry = self.get_object(request, object_id)
        if entry is not None:
            words = self.act(entry)
            titles = {"title": words, "subtitle": "", "original": Titled(entry, words)}
            extra_context = {**titles, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, extra_context)

    @display(ordering="user__username")
    def who(self, entry: LogEntry) -> str:
        return entry.user.get_username()

    @display(description=_("what happened"))
    def act(self, entry: LogEntry) -> str:
        return audit_words.sentence(entry, message_parts(entry))

    @display(description=_("object"))
    def target(self, entry: LogEntry) -> str:
        kind = entry.content_type
        if kind is None or not entry.object_id or entry.object_repr.startswith(f"{kind.name} "):
            return entry.object_repr
        return f"{kind.name}: {entry.object_repr}"

    @display(description=_("reason"))
    def reason(self, entry: LogEntry) -> str:
        return " ".join(str(part["reason"]) for part in message_parts(entry) if part.get("reason"))

    @display(description=_("IP address"))
    def address(self, entry: LogEntry) -> str:
        addresses = [str(part["ip"]) for part in message_parts(entry) if part.get("ip")]
        return addresses[-1] if addresses else ""

    @display(description=_("details"))
    def difference(self, entry: LogEntry) -> SafeString:
        rows = [
            (audit_words.field_name(name), _plain(before.get(name)), _plain(after.get(name)))
            for before, after in map(_sides, message_parts(entry))
            for name in [*before, *(name for name in after if name not in before)]
        ]
        if not rows:
            return format_html("{}", "–")
        lines = format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td></tr>", rows)
        head = "<tr><th>Field</th><th>Before</th><th>After</th></tr>"
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
    if value is None or value == []:
        return "–"
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, int):
        return intcomma(value)
    return (
        shown_in_india(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    )
