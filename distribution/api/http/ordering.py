"""`?ordering=`: one of the orders that a list has, which is one of those it can page by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView


class Ordering(BaseFilterBackend):
    """A view says `orderings`; the first is the usual one. The pages do the ordering itself."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        self.get_ordering(request, queryset, view)  # refused even where nothing is paged
        return queryset

    def get_ordering(
        self, request: Request, _queryset: QuerySet[Any], view: APIView
    ) -> tuple[str, ...]:
        """What CursorPages orders by."""
        known: Sequence[str] = getattr(view, "orderings", ())
        asked = request.query_params.get("ordering", known[0])
        if asked not in known:
            raise ValidationError({"ordering": f"Choose one of {', '.join(known)}."})
        return (asked,)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """For the document."""
        known = list(view.orderings)
        return [
            {
                "name": "ordering",
                "in": "query",
                "required": False,
                "description": f"`{known[0]}` unless told; a minus turns it round.",
                "schema": {"type": "string", "enum": known},
            }
        ]
