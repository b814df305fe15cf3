"""Alert routes in the admin: which alerts go to which channel, when, and who is next."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from distribution.alerts.catalogue import AlertRule
from distribution.models import AlertChannel, AlertRoute
from distribution.notifications import alert_routes
from subscribers.admin.deletion import CarefulDeletion
from subscribers.admin.model_forms import CarefulForms

HELP = {
    "rules": _("* for all, or names of alerts separated by commas: no_number, sla_*."),
    "min_severity": _("Critical: critical alerts only. Warning: both."),
    "starts": _("India time. Leave both empty for the whole day."),
    "quiet_from": _("Warnings of these hours wait until they end. Critical alerts never wait."),
    "channel": _("Gets the alert at once."),
    "second": _(
        "Gets a critical alert that nobody has acknowledged after one minute around the daily "
        "time, after five minutes at other times."
    ),
    "third": _("The same after three minutes, or fifteen."),
    "remind_minutes": _("Minutes between reminders while nobody acknowledged it; 0 for none."),
}


class RouteForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in set(HELP) & set(self.fields):
            self.fields[name].help_text = HELP[name]
        for name in {"channel", "second", "third"} & set(self.fields):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = AlertChannel.objects.order_by("name")

    def clean_rules(self) -> str:
        given: str = self.cleaned_data["rules"]
        patterns = alert_routes.split_patterns(given)
        for pattern in patterns:
            if not any(alert_routes.matches_rule(pattern, rule) for rule in AlertRule):
                raise forms.ValidationError(
                    gettext(
                        "No alert is called “%(name)s”. The manual lists them: docs/operations.md."
                    )
                    % {"name": pattern[:60]}
                )
        if not patterns:
            raise forms.ValidationError(gettext("Enter * for all alerts."))
        return ", ".join(dict.fromkeys(patterns))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for first, last in (("starts", "ends"), ("quiet_from", "quiet_until")):
            if (cleaned.get(first) is None) != (cleaned.get(last) is None):
                self.add_error(last, gettext("Enter both times, or neither."))
        if cleaned.get("active"):
            self._check_channels(cleaned)
        return cleaned

    def _check_channels(self, cleaned: dict[str, Any]) -> None:
        chosen = {name: cleaned.get(name) for name in ("channel", "second", "third")}
        for name, channel in chosen.items():
            if channel is not None and not channel.active:
                told = gettext(
                    "“%(name)s” is off, so nobody would get the alert. Choose another channel."
                )
                self.add_error(name, told % {"name": channel})
        if chosen["third"] and not chosen["second"]:
            self.add_error("second", gettext("Choose the second channel before the third."))


@admin.register(AlertRoute)
class AlertRouteAdmin(CarefulDeletion, CarefulForms, ModelAdmin):
    form = RouteForm
    list_display = ["name", "rules", "min_severity", "reaches", "active"]
    list_filter = ["active", "min_severity"]
    list_per_page = 50
    fields = [
        "name",
        "rules",
        "min_severity",
        ("starts", "ends"),
        ("quiet_from", "quiet_until"),
        "channel",
        "second",
        "third",
        "remind_minutes",
        "active",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertRoute]:
        rows: QuerySet[AlertRoute] = super().get_queryset(request)
        return rows.select_related("channel", "second", "third")

    @display(description=_("reaches"))
    def reaches(self, route: AlertRoute) -> str:
        """The channels in the order in which they are told; those that are off are named so."""
        steps = [step for step in (route.channel, route.second, route.third) if step is not None]
        if not any(step.active for step in steps):
            return gettext("nobody: its channels are off")
        off = gettext("off")
        return " → ".join(str(step) if step.active else f"{step} ({off})" for step in steps)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("distribution.change_alertroute")
