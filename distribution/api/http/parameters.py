"""Query parameters: unknown, empty and repeated ones are rejected, and so are unknown orders.

Otherwise a misspelt filter would return all rows, and a `dry_run` in the query instead of the
body would start a distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.mixins import ListModelMixin
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:  # APIView imports its defaults, and this is one of them
    from rest_framework.views import APIView

PAGE_PARAMETERS = ("cursor", "page_size")
UNKNOWN = "Unknown query parameter. Check its name."
EMPTY = "Send a value, or leave the parameter out."
REPEATED = "Send the parameter once."


class KnownParameters(BasePermission):
    """Implemented as a permission because those run after authentication and before the view."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        unknown = set(request.query_params) - known_parameters(view, request.method or "")
        if unknown:
            errors = [ErrorDetail(UNKNOWN, "unknown")]
            raise ValidationError(dict.fromkeys(sorted(unknown), errors))
        return True


def known_parameters(view: object, method: str) -> set[str]:
    """The query parameters of a view: its `query_parameters`, and those of every list."""
    method = "GET" if method == "HEAD" else method
    names = set(getattr(view, "query_parameters", {}).get(method, ()))
    if method != "GET" or not isinstance(view, ListModelMixin):
        return names
    filterset = getattr(view, "filterset_class", None)
    names.update(PAGE_PARAMETERS, getattr(view, "filterset_fields", ()))
    names.update(filterset.base_filters if filterset else ())
    return names | ({"ordering"} if hasattr(view, "orderings") else set())


class Filters(filters.FilterSet):
    """django-filter ignores an empty parameter and uses the last of several: the caller would get
    other rows than it asked for, without an error."""

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        errors = {name: error for name in self.filters if (error := self._error(name))}
        if errors:
            raise ValidationError(errors)
        rows: QuerySet[Any] = super().filter_queryset(queryset)
        return rows

    def _error(self, name: str) -> list[str]:
        values = self.data.getlist(name)
        if len(values) > 1:
            return [REPEATED]
        return [EMPTY] if values == [""] else []


class FilterBackend(filters.DjangoFilterBackend):
    """A view sets `filterset_class`, or the columns that filter it as `filterset_fields`."""

    filterset_base = Filters


class Ordering(BaseFilterBackend):
    """`?ordering=`: a view sets `orderings`; the first is the default. CursorPages applies it."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        self.get_ordering(request, queryset, view)  # rejects an unknown order even without paging
        return queryset

    def get_ordering(
        self, request: Request, _queryset: QuerySet[Any], view: APIView
    ) -> tuple[str, ...]:
        """The columns that CursorPages orders by."""
        allowed: tuple[str, ...] = getattr(view, "orderings", ())
        ordering = request.query_params.get("ordering", allowed[0])
        if ordering not in allowed:
            raise ValidationError({"ordering": f"Choose one of {', '.join(allowed)}."})
        return (ordering,)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """For the OpenAPI document."""
        return [
            {
                "name": "ordering",
                "in": "query",
                "required": False,
                "description": f"`{view.orderings[0]}` by default. A minus reverses the order.",
                "schema": {"type": "string", "enum": list(view.orderings)},
            }
        ]
