"""Rejects unknown query parameters.

Without this, a misspelt filter would return all rows, and a `dry_run` in the query instead of the
body would start a distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.mixins import ListModelMixin
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:  # APIView imports its defaults, and this is one of them
    from rest_framework.views import APIView

PAGE_PARAMETERS = ("cursor", "page_size")
UNKNOWN = "This address knows no such parameter: check its name."


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
    filters = getattr(view, "filterset_class", None)
    names.update(PAGE_PARAMETERS, filters.base_filters if filters else ())
    return names | ({"ordering"} if hasattr(view, "orderings") else set())
