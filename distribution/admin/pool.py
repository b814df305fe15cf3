"""The phone pool's pages: the status of each number, and the actions on it.

Speed and headroom are counted from deliveries, so this app completes the pool's pages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from distribution.admin.added_figures import AddedFigures
from distribution.analytics.headroom import headroom, recent_rates
from phonepool.admin import PhoneNumberAdmin
from phonepool.cloud_api import client
from phonepool.models import NumberState, PhoneNumber, Quality, Role
from phonepool.numbers import operations, status, sync
from subscribers.admin.confirmed_action import (
    ReasonForm,
    action_button,
    confirm,
    confirmation_page,
    log_action,
    username,
)

MANAGE = "phonepool.manage_phonenumber"
SYNC = "phonepool.sync_phonenumber"
LIST_URL = "admin:phonepool_phonenumber_changelist"
OUT_OF_SERVICE = (NumberState.DISABLED, NumberState.RESTING)


class RestForm(ReasonForm):
    """How long, and why."""

    minutes = forms.IntegerField(
        min_value=1, max_value=operations.MAX_REST_MINUTES, initial=15, label="Minutes"
    )


class PoolAdmin(AddedFigures, PhoneNumberAdmin):
    list_display = ("label", "role", "state_text", "quality", "speed", "today", "breaker_text")
    list_before_template = "admin/phonepool/phonenumber/headroom.html"
    change_form_outer_before_template = "admin/phonepool/phonenumber/status.html"
    ordering = ("-role", "label")
    actions_list = ("sync_now",)
    actions_detail = ("rest", "enable", "disable", "promote", "demote")

    def has_delete_permission(self, *_: Any, **__: Any) -> bool:
        return False  # deliveries refer to it: disable it instead

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

    @admin.display(description="today")
    def today(self, number: Any) -> str:
        current: status.NumberStatus = number.shown_status
        return f"{current.today:,} of {current.today_limit:,} ({current.share} % of all)"

    @admin.display(description="breaker", ordering="breaker")
    def breaker_text(self, number: Any) -> str:
        return number.shown_status.breaker or "Closed"

    # --- one number

    def page_figures(self, request: HttpRequest, pk: int) -> dict[str, Any]:
        return {"status": _statuses().get(pk)}

    def has_rest_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self._may(request, object_id, state=NumberState.ACTIVE)

    def has_enable_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self._may(request, object_id, state__in=OUT_OF_SERVICE)

    def has_disable_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        on = [state for state in NumberState if state != NumberState.DISABLED]
        return self._may(request, object_id, state__in=on)

    def has_promote_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        ready = [NumberState.STANDBY, NumberState.ACTIVE]
        return self._may(request, object_id, role=Role.BACKUP, state__in=ready)

    def has_demote_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self._may(request, object_id, role=Role.PRIMARY, state=NumberState.ACTIVE)

    def has_sync_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(SYNC) or request.user.has_perm(MANAGE)

    @action_button("Let it rest", permissions=["rest"], icon="bedtime")
    def rest(self, request: HttpRequest, object_id: int) -> HttpResponse:
        form = RestForm(request.POST or None)
        return self._confirm(
            request,
            object_id,
            form,
            title="Let this number rest",
            button="Let it rest",
            consequences=[
                "It sends nothing for so many minutes and then goes back to work by itself.",
                "The other numbers take its share; a backup wakes if they cannot carry it.",
            ],
            act=lambda pk, **by: operations.rest(pk, form.cleaned_data["minutes"], **by),
        )

    @action_button("Enable", permissions=["enable"], icon="play_arrow")
    def enable(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return self._confirm(
            request,
            object_id,
            ReasonForm(request.POST or None),
            title="Enable this number",
            button="Enable",
            consequences=["A primary goes to work at once; a backup stands by."],
            act=operations.enable,
        )

    @action_button("Disable", permissions=["disable"], icon="block")
    def disable(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return self._confirm(
            request,
            object_id,
            ReasonForm(request.POST or None),
            title="Disable this number",
            button="Disable",
            consequences=[
                "It sends nothing until somebody enables it.",
                *self._capacity_left(object_id),
            ],
            act=operations.disable,
        )

    @action_button("Promote to primary", permissions=["promote"], icon="arrow_upward")
    def promote(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return self._confirm(
            request,
            object_id,
            ReasonForm(request.POST or None),
            title="Promote this backup to primary",
            button="Promote",
            consequences=["It sends from now on, today and every day."],
            act=operations.promote,
        )

    @action_button("Make it a backup", permissions=["demote"], icon="arrow_downward")
    def demote(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return self._confirm(
            request,
            object_id,
            ReasonForm(request.POST or None),
            title="Make this number a backup",
            button="Make it a backup",
            consequences=["It stands by and sends only when a primary is lost or too slow."],
            act=operations.demote,
        )

    @action_button("Ask Meta now", permissions=["sync"], icon="sync")
    def sync_now(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return confirmation_page(
                self,
                request,
                forms.Form(),
                title="Ask Meta how the numbers stand",
                consequences=["Quality and state of every number are read anew from Meta."],
                button="Ask now",
                back=reverse(LIST_URL),
            )
        changed = sync.sync(client.client(), now=timezone.now())
        number = PhoneNumber.objects.first()
        if number is not None:
            log_action(self, request, number, "sync", after={"changed": changed})
        self.message_user(request, f"Meta was asked: {changed} changed.")
        return HttpResponseRedirect(reverse(LIST_URL))

    # --- helpers

    def _may(self, request: HttpRequest, object_id: Any, **state: Any) -> bool:
        matching = PhoneNumber.objects.filter(pk=object_id, **state)
        return request.user.has_perm(MANAGE) and matching.exists()

    def _capacity_left(self, object_id: int) -> list[str]:
        others = PhoneNumber.objects.exclude(pk=object_id).exclude(quality=Quality.FLAGGED)
        if others.filter(state__in=[NumberState.ACTIVE, NumberState.STANDBY]).exists():
            return ["The other numbers take its share."]
        return ["No other number can send: the morning stands still until one can."]

    def _confirm(
        self,
        request: HttpRequest,
        object_id: int,
        form: ReasonForm,
        *,
        title: str,
        consequences: list[str],
        button: str,
        act: Callable[..., None],
    ) -> HttpResponse:
        number = PhoneNumber.objects.filter(pk=object_id).first()
        if number is None:
            raise Http404("There is no such phone number.")
        return confirm(
            self,
            request,
            form,
            lambda reason: self._perform(request, number, title, act, reason),
            title=title,
            consequences=[f"The number is {number.label}.", *consequences],
            button=button,
            back=reverse("admin:phonepool_phonenumber_change", args=[number.pk]),
        )

    def _perform(
        self,
        request: HttpRequest,
        number: PhoneNumber,
        title: str,
        act: Callable[..., None],
        reason: str,
    ) -> None:
        before = _facts(number)
        try:
            act(number.pk, reason=reason, by=username(request.user), now=timezone.now())
        except operations.OperationRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return
        number.refresh_from_db()
        log_action(self, request, number, title, reason=reason, before=before, after=_facts(number))
        self.message_user(request, f"{number.label}: {status.state_sentence(number)}.")


def _statuses() -> dict[int, status.NumberStatus]:
    """The status of every number, by its id: shares are of all that was sent today."""
    now = timezone.now()
    rows = status.number_statuses(PhoneNumber.objects.all(), now=now, used=recent_rates(now))
    return {row.number.pk: row for row in rows}


def _facts(number: PhoneNumber) -> dict[str, str]:
    return {"role": number.role, "state": number.state, "reason": number.state_reason}


admin.site.unregister(PhoneNumber)
admin.site.register(PhoneNumber, PoolAdmin)
