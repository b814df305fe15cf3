"""Exports of subscribers in the admin: a permission, a reason and an entry in the audit log."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from subscribers.admin.confirmed_action import (
    Confirmation,
    ReasonForm,
    action_button,
    confirm,
    confirm_selected,
    log_many,
)
from subscribers.admin.decision_form import Act
from subscribers.admin.page_frame import attachment, csv_file
from subscribers.admin.shown_rows import Selection
from subscribers.admin.status_changes import told
from subscribers.models import EXPORT_SUBSCRIBERS, Subscriber, SubscriberQuerySet
from subscribers.people import export

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class ExportForm(ReasonForm):
    """The file format, and why personal data is exported."""

    form = forms.ChoiceField(
        label="File", choices=[("xlsx", "Excel workbook (.xlsx)"), ("csv", "CSV (UTF-8)")]
    )


class ExportActions(ModelAdmin):
    """The actions of the subscribers' pages that export files."""

    @admin.action(description="Export selected subscribers", permissions=["export"])
    def export_selected(
        self, request: HttpRequest, queryset: SubscriberQuerySet
    ) -> HttpResponseBase | None:
        page, act = self._export(request, queryset)
        return confirm_selected(self, request, page, act, form_class=ExportForm, is_repeatable=True)

    @action_button("Export all", permissions=["export"], icon="download")
    def export_all(self, request: HttpRequest) -> HttpResponseBase:
        page, act = self._export(request, Subscriber.objects.all())
        back = reverse("admin:subscribers_subscriber_changelist")
        return confirm(
            self, request, page, act, form_class=ExportForm, back=back, is_repeatable=True
        )

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(EXPORT_SUBSCRIBERS)

    def _export(self, request: HttpRequest, chosen: SubscriberQuerySet) -> tuple[Confirmation, Act]:
        """The page that confirms an export, and the export."""
        people = chosen.existing()
        count = people.count()
        consequences = [
            f"The file contains names and full phone numbers of {count:,} people.",
            "Store it where only people who need it can read it. Delete it afterwards.",
        ]
        if export.identity_titles(people):
            consequences.append("It also contains their WhatsApp ids.")
        if remark := export.columns_remark(people):
            consequences.append(remark)

        def export_people(_ids: Sequence[int], form: str, reason: str) -> HttpResponseBase:
            filename = f"subscribers-{timezone.localdate():%Y-%m-%d}.{form}"
            if form == "xlsx":
                answer = attachment(request, export.xlsx_pieces(people), filename, XLSX)
            else:
                answer = csv_file(request, export.as_csv(people), filename)
            facts = {"people": count, "file": form}
            log_many(request, Subscriber, count, "Exported.", reason=reason, before={}, after=facts)
            return answer

        rows = Selection(people, name=told)
        page = Confirmation("Export subscribers", consequences, "Export", rows, lists_rows=False)
        return page, export_people
