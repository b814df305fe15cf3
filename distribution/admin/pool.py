"""The phone pool's pages: the status of each number, and the actions on it.

Speed and headroom are counted from deliveries, so this app completes the pool's pages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from distribution.admin.added_figures import AddedFigures
from distribution.analytics.headroom import headroom, recent_rates
from distribution.mirror import pool_sync
from phonepool.admin import PhoneNumberAdmin, PortfolioAdmin, WabaAdmin
from phonepool.cloud_api import client
from phonepool.models import NumberState, PhoneNumber, Portfolio, Quality, Role, Waba
from phonepool.numbers import operations, status
from subscribers.admin.confirmed_action import (
    Confirmation,
    ReasonForm,
    action_button,
    confirm,
    log_action,
)
from subscribers.admin.deletion import CarefulDeletion
from subscribers.admin.model_forms import CarefulForms
from subscribers.admin.page_frame import staff_user
from subscribers.admin.read_only import NeverDeleted

MANAGE = "phonepool.manage_phonenumber"
SYNC = "phonepool.sync_phonenumber"
OUT_OF_SERVICE = (NumberState.DISABLED, NumberState.RESTING)
READY = (NumberState.STANDBY, NumberState.ACTIVE)


class RestForm(ReasonForm):
    """How long, and why."""

    minutes = forms.IntegerField(
        min_value=1, max_value=operations.MAX_REST_MINUTES, initial=15, label="Minutes"
    )


def _possible(**facts: Any) -> Callable[[ModelAdmin, HttpRequest, Any], bool]:
    """The permission for an action that is possible while a number has these `facts`."""

    def has_permission(_admin: ModelAdmin, request: HttpRequest, object_id: Any = None) -> bool:
        matching = PhoneNumber.objects.filter(pk=object_id, **facts)
        return request.user.has_perm(MANAGE) and matching.exists()

    return has_permission


@admin.register(Portfolio)
class PortfoliosAdmin(CarefulDeletion, CarefulForms, PortfolioAdmin):
    """A portfolio is added once, and changed or deleted as it was shown."""

    actions = ["delete_selected"]


@admin.register(Waba)
class WabasAdmin(CarefulDeletion, CarefulForms, WabaAdmin):
    """The same for an account."""

    actions = ["delete_selected"]


@admin.register(PhoneNumber)
class PoolAdmin(NeverDeleted, AddedFigures, CarefulForms, PhoneNumberAdmin):
    """Deliveries refer to a number, so it is never deleted: it is disabled instead."""

    list_display = (
        "label",
        "waba",
        "role",
        "state_text",
        "quality",
        "speed",
        "today",
        "breaker_text",
    )
    list_before_template = "admin/phonepool/phonenumber/headroom.html"
    change_form_outer_before_template = "admin/phonepool/phonenumber/status.html"
    ordering = ("-role", "label")
    actions_list = ("sync_now",)
    actions_detail = ("rest", "enable", "disable", "promote", "demote")

    # --- the list

    def add_to_rows(self, rows: list[Any]) -> None:
        statuses = _statuses()
        for number in rows:
            number.shown_status = statuses[number.pk]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), "headroom": headroom(timezone.now())}
        return super().changelist_view(request, context)

    @admin.display(description="state", ordering="state")
    def state_text(self, number: Any) -> str:
        return str(number.shown_status.state)

    @admin.display(description="speed now")
    def speed(self, number: Any) -> str:
        current: status.NumberStatus = number.shown_status
        slowed = (
            f", slowed to {current.rate_now:.0f}" if current.rate_now < current.rate_limit else ""
        )
        return f"{current.rate_used or 0:.0f} of {current.rate_limit} a second{slowed}"

    def today(self, number: Any) -> str:
        current: status.NumberStatus = number.shown_status
        return f"{current.today:,} of {current.today_limit:,} ({current.share} % of all)"

    @admin.display(description="breaker", ordering="breaker")
    def breaker_text(self, number: Any) -> str:
        return number.shown_status.breaker or "Closed"

    # --- one number

    def page_figures(self, request: HttpRequest, pk: int) -> dict[str, Any]:
        return {"status": _statuses().get(pk)}

    has_rest_permission = _possible(state=NumberState.ACTIVE)
    has_enable_permission = _possible(state__in=OUT_OF_SERVICE)
    has_disable_permission = _possible(state__in=set(NumberState) - {NumberState.DISABLED})
    has_promote_permission = _possible(role=Role.BACKUP, state__in=READY)
    has_demote_permission = _possible(role=Role.PRIMARY, state=NumberState.ACTIVE)

    def has_sync_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(SYNC) or request.user.has_perm(MANAGE)

    @action_button("Let it rest", permissions=["rest"], icon="bedtime")
    def rest(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        consequences = [
            "It sends nothing for that many minutes, then resumes automatically.",
            "The other numbers take its share; a backup wakes if they cannot carry it.",
        ]
        page = Confirmation("Let this number rest", consequences, "Let it rest")
        return self._confirm(request, object_id, page, operations.rest, form_class=RestForm)

    @action_button("Enable", permissions=["enable"], icon="play_arrow")
    def enable(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        consequence = "A primary goes to work at once; a backup stands by."
        page = Confirmation("Enable this number", [consequence], "Enable")
        return self._confirm(request, object_id, page, operations.enable)

    @action_button("Disable", permissions=["disable"], icon="block")
    def disable(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        others = PhoneNumber.objects.exclude(pk=object_id).exclude(quality=Quality.FLAGGED)
        left = "No other number can send: the morning stands still until one can."
        if others.filter(state__in=READY).exists():
            left = "The other numbers take its share."
        consequences = ["It sends nothing until someone enables it.", left]
        page = Confirmation("Disable this number", consequences, "Disable")
        return self._confirm(request, object_id, page, operations.disable)

    @action_button("Promote to primary", permissions=["promote"], icon="arrow_upward")
    def promote(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        consequence = "It sends from now on, today and every day."
        page = Confirmation("Promote this backup to primary", [consequence], "Promote")
        return self._confirm(request, object_id, page, operations.promote)

    @action_button("Make it a backup", permissions=["demote"], icon="arrow_downward")
    def demote(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        consequence = "It stays on standby and sends only when a primary fails or is too slow."
        page = Confirmation("Make this number a backup", [consequence], "Make it a backup")
        return self._confirm(request, object_id, page, operations.demote)

    @action_button("Ask Meta now", permissions=["sync"], icon="sync")
    def sync_now(self, request: HttpRequest) -> HttpResponseBase:
        def ask_meta() -> None:
            changed = pool_sync.sync(client.client(), now=timezone.now())
            number = PhoneNumber.objects.first()
            if number is not None:
                log_action(self, request, number, "sync", after={"changed": changed})
            self.message_user(request, f"Meta was asked: {changed} changed.")

        consequence = "The quality and state of every number are read from Meta again."
        page = Confirmation("Ask Meta how the numbers stand", [consequence], "Ask now")
        back = reverse("admin:phonepool_phonenumber_changelist")
        return confirm(self, request, page, ask_meta, back=back, form_class=forms.Form)

    def _confirm(
        self,
        request: HttpRequest,
        object_id: int,
        page: Confirmation,
        operate: Callable[..., None],
        form_class: type[ReasonForm] = ReasonForm,
    ) -> HttpResponseBase:
        number = PhoneNumber.objects.filter(pk=object_id).first()
        if number is None:
            raise Http404("There is no such phone number.")

        def act(**fields: Any) -> None:
            before = _facts(number)
            try:
                operate(number.pk, **fields, by=staff_user(request).username, now=timezone.now())
            except operations.OperationRefused as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
                return
            number.refresh_from_db()
            facts = {"reason": fields["reason"], "before": before, "after": _facts(number)}
            log_action(self, request, number, page.title, **facts)
            self.message_user(request, f"{number.label}: {status.state_sentence(number)}.")

        consequences = [f"The number is {number.label}.", *page.consequences]
        page = replace(page, consequences=consequences, facts=_told(number))
        back = reverse("admin:phonepool_phonenumber_change", args=[number.pk])
        return confirm(self, request, page, act, back=back, form_class=form_class)


def _statuses() -> dict[int, status.NumberStatus]:
    """The status of every number, by its id: shares are of all that was sent today."""
    now = timezone.now()
    rows = status.number_statuses(PhoneNumber.objects.all(), now=now, used=recent_rates(now))
    return {row.number.pk: row for row in rows}


def _facts(number: PhoneNumber) -> dict[str, str]:
    return {"role": number.role, "state": number.state, "reason": number.state_reason}


def _told(number: PhoneNumber) -> dict[str, str]:
    """Its facts as the page that confirms an action tells them."""
    words = {"Role": number.get_role_display(), "State": number.get_state_display()}
    return {**words, "Why": number.state_reason, "Quality": number.get_quality_display()}
