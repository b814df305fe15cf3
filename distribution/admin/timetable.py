"""The schedule in the admin: the daily time, days without a distribution, one-time ones."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSplitDateTimeWidget

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
from subscribers.admin.confirmed_action import (
    ReasonForm,
    bulk_confirmation_page,
    confirmed_data,
    log_action,
)


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
        begun = Distribution.objects.filter(
            local_date=day, kind=Kind.DAILY, opened_at__isnull=False
        )
        if begun.exists():
            raise forms.ValidationError("That day's distribution has begun: pause or cancel it.")
        return day


class TimetableAdmin(ModelAdmin):
    """A page of the calendar: lines are added and taken away, and each says by whom."""

    list_per_page = 50
    actions = None

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user
        super().save_model(request, obj, form, change)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # a line is taken away and added anew, so the log tells the whole story


@admin.register(DailyTime)
class DailyTimeAdmin(TimetableAdmin):
    form = DailyTimeForm
    list_display = ["from_day", "time", "created_by", "created_at"]
    list_select_related = ["created_by"]
    fields = ["from_day", "time"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        past = isinstance(obj, DailyTime) and obj.from_day <= india_time.local_date(timezone.now())
        return not past and super().has_delete_permission(request, obj)


@admin.register(BlackoutDate)
class BlackoutDateAdmin(TimetableAdmin):
    form = BlackoutForm
    list_display = ["day", "reason", "created_by", "created_at"]
    list_select_related = ["created_by"]
    fields = ["day", "reason"]
    date_hierarchy = "day"


class OneTimeForm(forms.Form):
    """When, and what: only approved content, only a time that is still to come."""

    at = forms.SplitDateTimeField(
        label="Begins at (Indian Standard Time)", widget=UnfoldAdminSplitDateTimeWidget
    )
    content = forms.ModelChoiceField(
        queryset=Content.objects.none(), widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["content"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Content.objects.filter(state=ContentState.APPROVED)

    def clean_at(self) -> datetime:
        at: datetime = self.cleaned_data["at"]
        if at <= timezone.now():
            raise forms.ValidationError("That time is past.")
        return at


@admin.register(OneTime)
class OneTimeAdmin(ModelAdmin):
    list_display = ["planned_at", "content", "state", "state_reason", "recipients"]
    list_select_related = ["content"]
    list_filter = ["state"]
    fields = readonly_fields = [*list_display, "opened_at", "completed_at"]
    actions = ["cancel"]
    add_form_template = "admin/distribution/plan_once.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OneTime]:
        return super().get_queryset(request).filter(kind=Kind.ONE_TIME)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = OneTimeForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            answer = self._plan(request, form)
            if answer is not None:
                return answer
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": "Plan a one-time distribution",
            "form": form,
            "media": self.media + form.media,
        }
        return self._render(request, context)

    def _render(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        from django.template.response import TemplateResponse

        return TemplateResponse(request, self.add_form_template, context)

    def _plan(self, request: HttpRequest, form: OneTimeForm) -> HttpResponse | None:
        at, content = form.cleaned_data["at"], form.cleaned_data["content"]
        try:
            planned = schedule.plan_once(at=at, content=content)
        except schedule.ScheduleError as error:
            form.add_error("at", str(error))
            return None
        after = {"planned_at": at.isoformat(), "content": str(content)}
        self.log_addition(request, planned, json.dumps([{"act": "Planned.", "after": after}]))
        return self.response_add(request, planned)

    @action(description="Cancel", permissions=["delete"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Distribution]) -> Any:
        waiting = list(queryset.filter(state=DistributionState.SCHEDULED))
        form = ReasonForm(confirmed_data(request))
        if not form.is_valid():
            return bulk_confirmation_page(
                self,
                request,
                form,
                title="Cancel what is planned",
                consequences=["It will not begin. This cannot be undone: plan a new one instead."],
                rows=waiting,
                button="Cancel them",
            )
        reason = form.cleaned_data["reason"]
        for one in waiting:
            control.cancel(one.pk, reason=reason, now=timezone.now())
            log_action(self, request, one, "Cancelled.", reason=reason)
        self.message_user(request, f"{len(waiting)} cancelled.", messages.SUCCESS)
        return None

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> Any:
        return {name: one for name, one in super().get_actions(request).items() if name == "cancel"}

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """May cancel; a page of one offers no deletion, for the rows are evidence."""
        return obj is None and super().has_delete_permission(request, obj)
