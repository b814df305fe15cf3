"""The phone pool in the admin: read-only, because functions with checks change its state."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from phonepool.models import PhoneEvent, Waba


class PortfolioAdmin(ModelAdmin):
    """`distribution.admin.pool` registers the page."""

    list_display = ("name", "business_id", "recipient_limit", "breaker")
    readonly_fields = ("breaker", "breaker_reason")


class WabaAdmin(ModelAdmin):
    """The accounts at Meta that the access token reaches. Registered like the portfolios."""

    list_display = ("meta_id", "name", "portfolio", "currency", "time_zone")
    list_select_related = ("portfolio",)
    fields = ("meta_id", "name", "portfolio")

    def get_readonly_fields(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Waba | None = None,
    ) -> tuple[str, ...]:
        """Its numbers share its portfolio, so it stays where it is once it has some."""
        return ("portfolio",) if obj is not None and obj.numbers.exists() else ()


class PhoneEventInline(TabularInline):
    model = PhoneEvent
    ordering = ("-at", "-id")
    fields = readonly_fields = ("at", "kind", "detail")
    extra = max_num = 0
    can_delete = False
    verbose_name_plural = "history, the latest first"
    hide_title = True

    def has_add_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def has_change_permission(self, *_: Any, **__: Any) -> bool:
        return False


class PhoneNumberAdmin(ModelAdmin):
    """One number. `distribution.admin.pool` adds its figures and registers the page."""

    inlines = (PhoneEventInline,)
    list_filter = ("role", "state", "quality", "breaker")
    list_select_related = ("portfolio", "waba")
    fields = (
        "label",
        "meta_id",
        "display_number",
        "portfolio",
        "waba",
        "rate_per_second",
        "daily_capacity",
    )

    class Media:
        css = {"all": ("subscribers/pages.css",)}
