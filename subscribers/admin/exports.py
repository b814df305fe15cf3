"""Exports of subscribers in the admin: a permission, a reason and an entry in the audit log."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from subscribers.admin.confirmed_action import (
    CONFIRMED,
    ReasonForm,
    action_button,
    confirmation_page,
    confirmed_data,
    log_action,
    selection_fields,
)
from subscribers.models import Subscriber
from subscribers.people import export

EXPORT = "subscribers.export_subscriber"


class ExportForm(ReasonForm):
    """The file format, and why personal data is exported."""

    form = forms.ChoiceField(
        label="File", choices=[("xlsx", "Excel workbook (.xlsx)"), ("csv", "CSV (UTF-8)")]
    )


class ExportActions(ModelAdmin):
    """The actions of the subscribers' pages that export files."""

    @admin.action(description="Export the selected subscribers", permissions=["export"])
    def export_selected(
        self, request: HttpRequest, queryset: QuerySet[Subscriber]
    ) -> HttpResponseBase:
        return self._export(request, queryset, hidden=selection_fields(request))

    @action_button("Export all", permissions=["export"], icon="download")
    def export_all(self, request: HttpRequest) -> HttpResponseBase:
        people = Subscriber.objects.filter(erasure__purged_at=None)
        return self._export(request, people, hidden=[(CONFIRMED, "yes")])

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(EXPORT)

    def _export(
        self, request: HttpRequest, people: QuerySet[Subscriber], *, hidden: list[tuple[str, str]]
    ) -> HttpResponseBase:
        if not self.has_export_permission(request):
            raise PermissionDenied
        people = people.filter(erasure__purged_at=None)
        form = ExportForm(confirmed_data(request))
        if not form.is_valid():
            return confirmation_page(
                self,
                request,
                form,
                title="Export subscribers",
                consequences=[
                    f"The file holds names and full phone numbers of {people.count():,} people.",
                    "Keep it where only those who need it can read it, and delete it afterwards.",
                ],
                button="Export",
                back=reverse("admin:subscribers_subscriber_changelist"),
                hidden=hidden,
            )
        kind, reason = form.cleaned_data["form"], form.cleaned_data["reason"]
        self._record_export(request, people, kind, reason)
        filename = f"subscribers-{timezone.localdate():%Y-%m-%d}.{kind}"
        if kind == "xlsx":
            return FileResponse(export.as_xlsx(people), as_attachment=True, filename=filename)
        return StreamingHttpResponse(
            export.as_csv(people),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{filename}"'},
        )

    def _record_export(
        self, request: HttpRequest, people: QuerySet[Subscriber], kind: str, reason: str
    ) -> None:
        target = people.first()
        if target is not None:
            facts = {"people": people.count(), "file": kind}
            log_action(self, request, target, "export", reason=reason, after=facts)
