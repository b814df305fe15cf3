"""The pool in the admin: its state is moved by its functions, so it is shown and not edited."""

from __future__ import annotations

from django.contrib import admin
from unfold.admin import ModelAdmin, TabularInline

from phonepool.models import PhoneEvent, PhoneNumber, Portfolio


@admin.register(Portfolio)
class PortfolioAdmin(ModelAdmin):
    list_display = ("name", "business_id", "recipient_limit", "breaker")
    readonly_fields = ("breaker", "breaker_reason")


class PhoneEventInline(TabularInline):
    model = PhoneEvent
    ordering = ("-at", "-id")
    fields = readonly_fields = ("at", "kind", "detail")
    extra = max_num = 0
    can_delete = False


@admin.register(PhoneNumber)
class PhoneNumberAdmin(ModelAdmin):
    inlines = (PhoneEventInline,)
    list_display = (
        "label",
        "role",
        "state",
        "state_reason",
        "quality",
        "rate_per_second",
        "breaker",
    )
    list_filter = ("role", "state", "quality", "breaker")
    list_select_related = ("portfolio",)
    readonly_fields = (
        *("state", "state_reason", "rest_until", "quality", "quality_at", "next_slot"),
        *("day", "day_count", "cut_rate", "cut_at", "failures"),
        *("breaker", "breaker_at", "breaker_until", "heard_at", "faults", "heard"),
        *("retry_credit", "retry_seen", "retry_at"),
    )
