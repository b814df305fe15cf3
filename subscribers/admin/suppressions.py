"""Suppressions in the admin: opt-outs of phones without a subscriber; searched, never edited."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from masking.phones import mask_phone
from masking.texts import mask_evidence
from masking.user_ids import mask_user_id
from subscribers.admin.number_search import NumberSearch, is_result
from subscribers.admin.read_only import ReadOnlyAdmin
from subscribers.admin.zone import shown_in_india
from subscribers.models import Suppression
from subscribers.people.search import suppressions_by_id


@admin.register(Suppression)
class SuppressionAdmin(ReadOnlyAdmin, NumberSearch):
    """Only the person changes it, with START or STOP."""

    list_display = ("masked_phone", "latest_keyword", "at", "source")
    list_filter = ("holds",)
    list_before_template = "admin/subscribers/suppression/about.html"
    fields = readonly_fields = (*list_display, "proof", "recorded_at")
    search_fields = ("source",)
    search_help_text = "A phone number in any spelling, its last four digits, or a WhatsApp user ID"
    ordering = ("-at", "-id")
    show_full_result_count = False
    actions = None

    @admin.display(description="phone or user ID")
    def masked_phone(self, row: Suppression) -> str:
        return mask_phone(row.phone) if row.phone else mask_user_id(row.user_id or "")

    @admin.display(description="evidence")
    def proof(self, row: Suppression) -> str:
        """Masked for everybody, as the phone is here: Meta's message ids contain it."""
        return shown_in_india(mask_evidence(row.evidence))

    @display(description="latest decision", label={"STOP": "danger", "START": "success"})
    def latest_keyword(self, row: Suppression) -> str:
        return "STOP" if row.holds else "START"

    def rows_of(self, term: str) -> QuerySet[Suppression] | None:
        return suppressions_by_id(Suppression.objects.all(), term)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Suppression], search_term: str
    ) -> tuple[QuerySet[Suppression], bool]:
        if not search_term.strip() or is_result(search_term):
            return super().get_search_results(request, queryset, search_term)
        matches = suppressions_by_id(queryset, search_term)
        return (queryset.none() if matches is None else matches), False
