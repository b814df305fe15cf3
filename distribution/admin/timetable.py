"""The schedule in the admin: the daily time, days without a distribution, one-time ones."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from distribution.admin.evidence import EvidenceAdmin
from distribution.cached import audience
from distribution.lifecycle import control, holidays, schedule, timetable
from distribution.lifecycle.confirmation import Requester
from distribution.models import (
    BlackoutDate,
    Content,
    ContentState,
    DailyTime,
    Distribution,
    Kind,
    OneTime,
)
from distribution.models.distributions import UNBEGUN
from distribution.runtime import india_time
from subscribers.admin.confirmed_action import REASON_LIMIT, Confirmation, confirm_each
from subscribers.admin.deletion import CarefulDeletion
from subscribers.admin.model_forms import CarefulForms
from subscribers.admin.page_frame import staff_user
from subscribers.admin.read_only import NeverChanged
from subscribers.admin.shown_rows import Selection

PLANNED = ("planned_at", "content")  # of a one-time distribution, on the page that cancels it


class DailyTimeForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    reason = forms.CharField(
        max_length=REASON_LIMIT,
        label=gettext_lazy("Reason"),
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Kept in the audit log with your name."),
        error_messages={"required": gettext_lazy("Enter a reason. It is kept in the audit log.")},
    )

    def clean_from_day(self) -> Any:
        day = self.cleaned_data["from_day"]
        if objection := timetable.objection_to_daily_time(day, timezone.now()):
            raise forms.ValidationError(objection)
        return day


class BlackoutForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_day(self) -> Any:
        day = self.cleaned_data["day"]
        if objection := timetable.objection_to_blackout(day, timezone.now()):
            raise forms.ValidationError(objection)
        return day


class TimetableAdmin(NeverChanged, CarefulDeletion, CarefulForms):
    """Rows are deleted and added again, so that the audit log has both; each names its author."""

    list_per_page = 50
    list_select_related = ["created_by"]
    actions = None

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user
        super().save_model(request, obj, form, change)


@admin.register(DailyTime)
class DailyTimeAdmin(TimetableAdmin):
    form = DailyTimeForm
    list_display = ["from_day", "time", "created_by", "created_at"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return [(None, {"fields": ["from_day", "time"]})]
        return [(None, {"fields": ["from_day", "time", "reason"], "description": _who_is_moved()})]

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        reason = request.POST.get("reason", "").strip()[:REASON_LIMIT]
        entry = {"act": "Daily time set", "reason": reason, "after": {"time": str(obj.time)}}
        return super().log_addition(request, obj, [*message, entry])

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        begun = isinstance(obj, DailyTime) and timetable.objection_to_daily_time(
            obj.from_day, timezone.now()
        )
        return not begun and super().has_delete_permission(request, obj)


@admin.register(BlackoutDate)
class BlackoutDateAdmin(TimetableAdmin):
    form = BlackoutForm
    list_display = ["day", "reason", "created_by", "created_at"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        about = {} if obj is not None else {"description": _who_gets_nothing()}
        return [(None, {"fields": ["day", "reason"], **about})]

    date_hierarchy = "day"
    list_before_template = "admin/distribution/blackoutdate/suggested.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With the exchange's holidays to choose from, for those who may add."""
        context = extra_context or {}
        if self.has_add_permission(request):
            today = india_time.local_date(timezone.now())
            taken = set(BlackoutDate.objects.filter(day__gt=today).values_list("day", flat=True))
            context |= {
                "may_add": True,
                "suggested": holidays.suggested(today, taken=taken),
                "announced_until": holidays.announced_until(),
            }
        return super().changelist_view(request, context)


def _who_is_moved() -> str:
    """Who gets the message at another time, and which holds until then."""
    now = timezone.now()
    at = timezone.localtime(schedule.daily_time(india_time.local_date(now)))
    words = _(
        "From this day on, everyone subscribed (%(people)s people now) gets the daily distribution "
        "at the new time. Today's time does not change. It is %(time)s."
    )
    return words % {"people": _people(), "time": f"{at:%H:%M %Z}"}


def _who_gets_nothing() -> str:
    words = _(
        "No daily or one-time distribution starts on this day, so nobody (%(people)s people are "
        "subscribed now) gets a message. You can delete the date until the day begins."
    )
    return words % {"people": _people()}


def _people() -> str:
    return f"{audience.total():,}"


class OneTimeForm(forms.Form):
    """When, and with which content: only approved content, only a future time."""

    at = forms.SplitDateTimeField(
        label=gettext_lazy("Start time (Indian Standard Time)"),
        widget=UnfoldAdminSplitDateTimeWidget,
    )
    content = forms.ModelChoiceField(
        Content.objects.filter(state=ContentState.APPROVED), widget=UnfoldAdminSelectWidget
    )

    again_reason = forms.CharField(
        required=False,
        max_length=REASON_LIMIT,
        label=gettext_lazy("Reason for sending it again"),
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy(
            "Required only if people already get the same content that day. They get it twice."
        ),
    )

    def clean_at(self) -> datetime:
        at: datetime = self.cleaned_data["at"]
        if at <= timezone.now():
            raise forms.ValidationError(_("Choose a time in the future."))
        return at


@admin.register(OneTime)
class OneTimeAdmin(EvidenceAdmin):
    list_display = ["planned_at", "content", "state", "state_reason", "recipients"]
    list_select_related = ["content"]
    list_filter = ["state"]
    fields = readonly_fields = [*list_display, "opened_at", "completed_at"]
    actions = ["cancel"]
    form_class = OneTimeForm
    add_title = gettext_lazy("Schedule a one-time distribution")
    add_template = "admin/distribution/plan_once.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OneTime]:
        return super().get_queryset(request).filter(kind=Kind.ONE_TIME)

    def add_page(
        self, request: HttpRequest, form: forms.Form, *, title: str | Promise, **context: Any
    ) -> HttpResponse:
        people = audience.total()
        return super().add_page(request, form, title=title, audience=people, **context)

    def add(self, request: HttpRequest, form: Any) -> HttpResponse | None:
        at, content = form.cleaned_data["at"], form.cleaned_data["content"]
        reason = form.cleaned_data["again_reason"]
        by = f"{request.user}: {reason}" if reason else ""
        try:
            planned = schedule.plan_by_hand(
                at=at,
                content=content,
                requester=Requester(staff_user(request).pk),
                again_reason=by,
                now=timezone.now(),
            )
        except schedule.RepetitionError as error:
            form.add_error("again_reason", str(error))
            return None
        except schedule.ScheduleError as error:
            form.add_error("at", str(error))
            return None
        after = {"planned_at": at.isoformat(), "content": str(content)}
        entry = {"act": "Planned.", "reason": reason, "after": after}
        self.log_addition(request, planned, [entry])
        words = _("Scheduled. It starts only if someone else confirms it by %(time)s.")
        self.message_user(request, words % {"time": f"{timezone.localtime(at):%d %b, %H:%M %Z}"})
        return HttpResponseRedirect(
            reverse("admin:distribution_distribution_change", args=[planned.pk])
        )

    @action(description="Cancel", permissions=["delete"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Distribution]) -> Any:
        waiting = Selection(queryset.filter(state__in=UNBEGUN), PLANNED)
        consequence = _("They won't be sent. This cannot be undone; schedule a new one instead.")
        title = _("Cancel one-time distributions")
        page = Confirmation(title, [consequence], title, waiting)

        def cancel(distribution: Distribution, reason: str) -> bool:
            try:
                control.cancel(distribution.pk, reason=reason, now=timezone.now())
            except control.ControlError as error:  # it began at this very moment
                self.message_user(request, f"{distribution}: {error}", messages.ERROR)
                return False
            return True

        return confirm_each(self, request, page, cancel, entry="Cancelled.", done="{} cancelled.")
