"""The schedule in the admin: the daily time, days without a distribution, one-time ones."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from distribution.admin.evidence import EvidenceAdmin
from distribution.lifecycle import control, schedule
from distribution.models import (
    BlackoutDate,
    Content,
    ContentState,
    DailyTime,
    Distribution,
    DistributionState,
    Kind,
    OneTime,
)
from distribution.runtime import india_time
from subscribers.admin.confirmed_action import REASON_LIMIT, Confirmation, confirm_each
from subscribers.admin.deletion import CarefulDeletion
from subscribers.admin.model_forms import CarefulForms
from subscribers.admin.read_only import NeverChanged
from subscribers.admin.shown_rows import Selection

PLANNED = ("planned_at", "content")  # of a one-time distribution, on the page that cancels it


class DailyTimeForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    def clean_from_day(self) -> Any:
        day = self.cleaned_data["from_day"]
        if day <= india_time.local_date(timezone.now()):
            raise forms.ValidationError("Today's time stands: choose tomorrow or a later day.")
        return day


class BlackoutForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_day(self) -> Any:
        day, today = self.cleaned_data["day"], india_time.local_date(timezone.now())
        if day < today:
            raise forms.ValidationError("That day is over.")
        daily = Distribution.objects.filter(local_date=day, kind=Kind.DAILY)
        if daily.exclude(opened_at=None).exists():
            raise forms.ValidationError("That day's distribution has begun: pause or cancel it.")
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
    fields = ["from_day", "time"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        past = isinstance(obj, DailyTime) and obj.from_day <= india_time.local_date(timezone.now())
        return not past and super().has_delete_permission(request, obj)


@admin.register(BlackoutDate)
class BlackoutDateAdmin(TimetableAdmin):
    form = BlackoutForm
    list_display = ["day", "reason", "created_by", "created_at"]
    fields = ["day", "reason"]
    date_hierarchy = "day"


class OneTimeForm(forms.Form):
    """When, and with which content: only approved content, only a future time."""

    at = forms.SplitDateTimeField(
        label="Begins at (Indian Standard Time)", widget=UnfoldAdminSplitDateTimeWidget
    )
    content = forms.ModelChoiceField(
        Content.objects.filter(state=ContentState.APPROVED), widget=UnfoldAdminSelectWidget
    )

    again_reason = forms.CharField(
        required=False,
        max_length=REASON_LIMIT,
        label="Why people are to get it twice",
        widget=UnfoldAdminTextInputWidget,
        help_text="Only if the same content is sent that day already: without a reason nothing is "
        "planned.",
    )

    def clean_at(self) -> datetime:
        at: datetime = self.cleaned_data["at"]
        if at <= timezone.now():
            raise forms.ValidationError("That time is past.")
        return at


@admin.register(OneTime)
class OneTimeAdmin(EvidenceAdmin):
    list_display = ["planned_at", "content", "state", "state_reason", "recipients"]
    list_select_related = ["content"]
    list_filter = ["state"]
    fields = readonly_fields = [*list_display, "opened_at", "completed_at"]
    actions = ["cancel"]
    form_class = OneTimeForm
    add_title = "Plan a one-time distribution"
    add_template = "admin/distribution/plan_once.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OneTime]:
        return super().get_queryset(request).filter(kind=Kind.ONE_TIME)

    def add(self, request: HttpRequest, form: Any) -> HttpResponse | None:
        at, content = form.cleaned_data["at"], form.cleaned_data["content"]
        reason = form.cleaned_data["again_reason"]
        by = f"{request.user}: {reason}" if reason else ""
        try:
            planned = schedule.plan_by_hand(
                at=at, content=content, again_reason=by, now=timezone.now()
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
        return self.response_add(request, planned)

    @action(description="Cancel", permissions=["delete"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Distribution]) -> Any:
        waiting = Selection(queryset.filter(state=DistributionState.SCHEDULED), PLANNED)
        consequence = "It will not begin. This cannot be undone: plan a new one instead."
        page = Confirmation("Cancel what is planned", [consequence], "Cancel them", waiting)

        def cancel(distribution: Distribution, reason: str) -> bool:
            try:
                control.cancel(distribution.pk, reason=reason, now=timezone.now())
            except control.ControlError as error:  # it began at this very moment
                self.message_user(request, f"{distribution}: {error}", messages.ERROR)
                return False
            return True

        return confirm_each(self, request, page, cancel, entry="Cancelled.", done="{} cancelled.")
