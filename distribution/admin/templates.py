"""Message templates in the admin, as Meta last told of them."""

from __future__ import annotations

from django.contrib import admin

from distribution.admin.reading import ReadOnly
from distribution.models import MessageTemplate


@admin.register(MessageTemplate)
class MessageTemplateAdmin(ReadOnly):
    list_display = ["name", "language", "category", "status", "quality", "synced_at"]
    list_filter = ["status", "category", "language"]
