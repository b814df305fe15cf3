"""Pages of other apps' rows, completed with figures that are counted from deliveries."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin


class AddedFigures(ModelAdmin):
    """Adds figures to the rows of a list and to the page of one row."""

    def add_to_rows(self, rows: list[Any]) -> None:
        """Set attributes on the rows of one list page: one query for all of them."""
        raise NotImplementedError

    def page_figures(self, request: HttpRequest, pk: int) -> dict[str, Any]:
        """What the template of one row's page gets in addition."""
        raise NotImplementedError

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        self.add_to_rows(rows)
        changelist.result_list = rows
        return changelist

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = dict(extra_context or {})
        if object_id.isdecimal() and self.has_view_permission(request):
            context |= self.page_figures(request, int(object_id))
        return super().change_view(request, object_id, form_url, context)
