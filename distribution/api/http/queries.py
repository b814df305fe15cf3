"""What an address may be asked with. A misspelt filter would be answered with everybody, and a
`dry_run` in the address instead of the body would begin: so a name that is none is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.mixins import ListModelMixin
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:  # it imports its defaults, and this is one of them
    from rest_framework.views import APIView

OF_PAGES = ("cursor", "page_size")
UNKNOWN = "This address knows no such parameter: check its name."


class KnownQuery(BasePermission):
    """No permission, but where the framework asks before a view: after who may, before it reads."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        unknown = set(request.query_params) - known(view, request.method or "")
        if unknown:
            told = [ErrorDetail(UNKNOWN, "unknown")]
            raise ValidationError(dict.fromkeys(sorted(unknown), told))
        return True


def known(view: object, method: str) -> set[str]:
    """The names that a view takes in its address: those it says by `asks`, and a list's own."""
    asked = "GET" if method == "HEAD" else method
    names = set(getattr(view, "asks", {}).get(asked, ()))
    if asked != "GET" or not isinstance(view, ListModelMixin):
        return names
    filters = getattr(view, "filterset_class", None)
    names.update(OF_PAGES, filters.base_filters if filters else ())
    return names | ({"ordering"} if hasattr(view, "orderings") else set())
