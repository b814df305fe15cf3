"""`?ordering=`: one of the orders that the view allows and the pages support."""

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
    """A view sets `orderings`; the first is the default. CursorPages applies the order."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        self.get_ordering(request, queryset, view)  # rejects an unknown order even without paging
        return queryset

    def get_ordering(
        self, request: Request, _queryset: QuerySet[Any], view: APIView
    ) -> tuple[str, ...]:
        """The columns that CursorPages orders by."""
        allowed: Sequence[str] = getattr(view, "orderings", ())
        ordering = request.query_params.get("ordering", allowed[0])
        if ordering not in allowed:
            raise ValidationError({"ordering": f"Choose one of {', '.join(allowed)}."})
        return (ordering,)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """For the OpenAPI document."""
        allowed = list(view.orderings)
        return [
            {
                "name": "ordering",
                "in": "query",
                "required": False,
                "description": f"`{allowed[0]}` unless told; a minus turns it round.",
                "schema": {"type": "string", "enum": allowed},
            }
        ]
