"""Replies in the admin, newest first: who wrote what. Numbers in texts are masked."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from masking.texts import mask_text
from subscribers.admin.person_actions import heading_of
from subscribers.admin.read_only import ReadOnlyAdmin
from subscribers.models import Reply


def shown_text(reply: Reply) -> str:
    """The text, or what else was sent."""
    return mask_text(reply.text) if reply.text else f"({reply.kind})"


@admin.register(Reply)
class ReplyAdmin(ReadOnlyAdmin):
    list_display = ("at", "person", "words")
    list_display_links = ("at",)
    list_filter = ("kind", "at")
    list_select_related = ("subscriber",)
    search_fields = ("text", "subscriber__name")
    search_help_text = _("A word of the reply, or a name")
    fields = readonly_fields = ("at", "person", "kind", "words")
    ordering = ("-at", "-id")
    show_full_result_count = False

    @display(description=_("person"))
    def person(self, reply: Reply) -> SafeString:
        url = reverse("admin:subscribers_subscriber_change", args=[reply.subscriber_id])
        return format_html(
            '<a class="kept-link" href="{}">{}</a>', url, heading_of(reply.subscriber)
        )

    @display(description=_("reply"))
    def words(self, reply: Reply) -> str:
        return shown_text(reply)
