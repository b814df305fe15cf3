"""The phone pool's pages: the status of each number, and the actions on it.

Speed and headroom are counted from deliveries, so this app completes the pool's pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from distribution.admin.added_figures import AddedFigures
from distribution.analytics.headroom import headroom, recent_rates
from distribution.mirror import pool_sync
from distribution.quality import history, wording
from distribution.reporting import number_figures
from distribution.runtime import india_time
from distribution.runtime.text_formats import percent
from phonepool.admin import PhoneNumberAdmin, PortfolioAdmin, WabaAdmin
from phonepool.cloud_api import client
from phonepool.models import NumberState, PhoneNumber, Portfolio, Role, Waba
from phonepool.numbers import operations, ramp_rule, status, verification
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
    """For how long, and why."""

    minutes = forms.IntegerField(
        min_value=1, max_value=operations.MAX_REST_MINUTES, initial=15, label=_("Minutes")
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
        "display_number",
        "waba",
        "role",
        "state_text",
        "quality_text",
        "speed",
        "today",
        "breaker_text",
    )
    list_before_template = "admin/phonepool/phonenumber/headroom.html"
    change_form_outer_before_template = "admin/phonepool/phonenumber/status.html"
    ordering = ("-role", "label")
    actions_list = ("sync_now",)
    actions_detail = ("rest", "enable", "disable", "promote", "demote", "skip_ramp")

    class Media:
        css = {"all": ("distribution/content.css",)}

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

    @admin.display(description=_("quality"), ordering="quality")
    def quality_text(self, number: Any) -> str:
        return str(number.shown_status.quality)

    @admin.display(description=_("speed"))
    def speed(self, number: Any) -> str:
        current: status.NumberStatus = number.shown_status
        return f"{current.speed} · {current.ramp}" if current.ramp else current.speed

    @admin.display(description=_("sent today"))
    def today(self, number: Any) -> str:
        current: status.NumberStatus = number.shown_status
        facts = {"sent": current.today, "limit": current.today_limit, "share": current.share}
        return gettext("%(sent)s of %(limit)s (%(share)s%% of all)") % {
            **facts,
            "sent": f"{current.today:,}",
            "limit": f"{current.today_limit:,}",
        }

    @admin.display(description=_("circuit breaker"), ordering="breaker")
    def breaker_text(self, number: Any) -> str:
        return number.shown_status.breaker or gettext("Closed")

    # --- one number

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change or "meta_id" in form.changed_data:
            verification.reset(obj)
        super().save_model(request, obj, form, change)

    def page_figures(self, request: HttpRequest, pk: int) -> dict[str, Any]:
        found = PhoneNumber.objects.filter(pk=pk).first()
        if found is None:
            return {}
        now = timezone.now()
        today = india_time.local_date(now)
        rates = number_figures.shown(pk, today=today)
        return {
            "status": _statuses().get(pk),
            "quality_history": history.of_number(found, now=now),
            "rates": wording.shown(rates),
            "explanation": wording.explanation(),
            "counted": rates.days,
            "read_share": percent(rates.read_share),
        }

    has_rest_permission = _possible(state=NumberState.ACTIVE)
    has_enable_permission = _possible(state__in=OUT_OF_SERVICE)
    has_disable_permission = _possible(state__in=set(NumberState) - {NumberState.DISABLED})
    has_promote_permission = _possible(role=Role.BACKUP, state__in=READY)
    has_demote_permission = _possible(role=Role.PRIMARY, state=NumberState.ACTIVE)
    has_skip_ramp_permission = _possible(ramp__lt=ramp_rule.FULL)

    def has_sync_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(SYNC) or request.user.has_perm(MANAGE)

    @action_button(_("Pause number"), permissions=["rest"], icon="bedtime")
    def rest(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        consequences = [
            gettext("The number stops sending, then resumes automatically after the time you set."),
            gettext("Other numbers take over its share. A backup starts if they are too slow."),
        ]
        page = Confirmation(gettext("Pause this number"), consequences, gettext("Pause number"))
        return self._confirm(request, object_id, page, operations.rest, form_class=RestForm)

    @action_button(_("Enable number"), permissions=["enable"], icon="play_arrow")
    def enable(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        consequence = gettext("A primary starts sending at once. A backup goes on standby.")
        page = Confirmation(gettext("Enable this number"), [consequence], gettext("Enable number"))
        return self._confirm(request, object_id, page, operations.enable)

    @action_button(_("Disable number"), permissions=["disable"], icon="block")
    def disable(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        others = PhoneNumber.objects.able().exclude(pk=object_id)
        left = gettext("No other number can send. Distributions wait until one can.")
        if others.filter(state__in=READY).exists():
            left = gettext("Other numbers take over its share.")
        consequences = [gettext("The number sends nothing until someone enables it."), left]
        page = Confirmation(gettext("Disable this number"), consequences, gettext("Disable number"))
        return self._confirm(request, object_id, page, operations.disable)

    @action_button(_("Promote to primary"), permissions=["promote"], icon="arrow_upward")
    def promote(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        consequence = gettext("The number sends from now on, every day.")
        title = gettext("Promote this backup to primary")
        page = Confirmation(title, [consequence], gettext("Promote to primary"))
        return self._confirm(request, object_id, page, operations.promote)

    @action_button(_("Change to backup"), permissions=["demote"], icon="arrow_downward")
    def demote(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        consequence = gettext(
            "The number goes on standby. It sends only when a primary fails or is too slow."
        )
        title = gettext("Change this number to a backup")
        page = Confirmation(title, [consequence], gettext("Change to backup"))
        return self._confirm(request, object_id, page, operations.demote)

    @action_button(_("Use full speed"), permissions=["skip_ramp"], icon="speed")
    def skip_ramp(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        consequences = [
            gettext("The number uses its whole speed from now on."),
            gettext("Meta may rate a new number lower if it begins with many messages."),
        ]
        page = Confirmation(gettext("Use full speed now"), consequences, gettext("Use full speed"))
        return self._confirm(request, object_id, page, operations.skip_ramp)

    @action_button(_("Sync with Meta"), permissions=["sync"], icon="sync")
    def sync_now(self, request: HttpRequest) -> HttpResponseBase:
        def sync() -> None:
            changed = pool_sync.sync(client.client(), now=timezone.now())
            numbers = list(PhoneNumber.objects.all())
            if numbers:
                log_action(self, request, numbers[0], "sync", after={"changed": changed})
            for level, sentence in sync_messages(numbers, changed):
                self.message_user(request, sentence, level)

        consequence = gettext("Quality, status and limit of every number are read from Meta.")
        page = Confirmation(
            gettext("Sync phone numbers with Meta"), [consequence], gettext("Sync with Meta")
        )
        back = reverse("admin:phonepool_phonenumber_changelist")
        return confirm(self, request, page, sync, back=back, form_class=forms.Form)

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
            raise Http404(gettext("This phone number does not exist."))

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

        named = gettext("Number: %(number)s") % {"number": status.name(number)}
        consequences = [named, *page.consequences]
        page = replace(page, consequences=consequences, facts=_told(number))
        back = reverse("admin:phonepool_phonenumber_change", args=[number.pk])
        return confirm(self, request, page, act, back=back, form_class=form_class)


def sync_messages(numbers: Sequence[PhoneNumber], changed: int) -> Iterator[tuple[int, str]]:
    """What a sync did, and Meta's own answer about each number that it does not know."""
    failed = [number for number in numbers if number.meta_answer]
    if not numbers:
        yield messages.WARNING, gettext("There are no phone numbers to sync. Add them on Set up.")
    elif len(failed) < len(numbers):
        yield messages.SUCCESS, _synced(changed)
    for number in failed:
        words = gettext("%(number)s is not verified. Meta answered: %(answer)s")
        if number.verified_at:
            words = gettext("%(number)s could not be synced. Meta answered: %(answer)s")
        yield messages.ERROR, words % {"number": number.label, "answer": number.meta_answer}


def _synced(changed: int) -> str:
    if not changed:
        return gettext("Synced with Meta. No changes.")
    return ngettext(
        "Synced with Meta. %(count)s number changed.",
        "Synced with Meta. %(count)s numbers changed.",
        changed,
    ) % {"count": changed}


def _statuses() -> dict[int, status.NumberStatus]:
    """The status of every number, by its id: shares are of all that was sent today."""
    now = timezone.now()
    rows = status.number_statuses(PhoneNumber.objects.all(), now=now, used=recent_rates(now))
    return {row.number.pk: row for row in rows}


def _facts(number: PhoneNumber) -> dict[str, str]:
    facts = {"role": number.role, "state": number.state, "reason": number.state_reason}
    return {**facts, "ramp": f"{number.ramp}%"}


def _told(number: PhoneNumber) -> dict[str, str]:
    """Its facts as the page that confirms an action tells them."""
    words = {"Role": number.get_role_display(), "State": number.get_state_display()}
    return {**words, "Reason": number.state_reason, "Quality": status.quality_words(number)}
