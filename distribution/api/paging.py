"""Lists in pages that follow a cursor: no page is missed or doubled while rows come and go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.core import signing
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

if TYPE_CHECKING:  # it imports its defaults, and this is one of them
    from rest_framework.views import APIView

LARGEST = 200
USUAL = 50
BAD_CURSOR = "This cursor is of another list or was changed: begin without one."


class CursorPages(CursorPagination):
    """`?cursor=` from `next` or `previous`, `?page_size=` up to 200.

    The cursor is signed together with the ordering, so it fits its own list only. A view says
    `ordering` by a column that is never empty, ending in one that is unique.
    """

    page_size = USUAL
    max_page_size = LARGEST
    page_size_query_param = "page_size"
    page_size_query_description = f"Rows on a page, {USUAL} unless told, {LARGEST} at most."
    cursor_query_description = "Where the page begins: from `next` or `previous` of another page."
    ordering: str | tuple[str, ...] = ("-pk",)

    def paginate_queryset(
        self,
        queryset: QuerySet[Any, Any] | Sequence[Any],
        request: Request,
        view: APIView | None = None,
    ) -> list[Any] | None:
        self._salt = f"cursor:{request.path}"
        try:
            return super().paginate_queryset(queryset, request, view)
        except (DjangoValidationError, ValueError, TypeError):
            raise ValidationError({"cursor": BAD_CURSOR}) from None

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        sizes = (one["schema"] for one in told if one["name"] == self.page_size_query_param)
        for schema in sizes:
            schema.update(minimum=1, maximum=LARGEST, default=USUAL)
        return told

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        self.ordering = getattr(view, "ordering", None) or self.ordering
        order = tuple(super().get_ordering(request, queryset, view))  # asks an OrderingFilter
        self._salt = f"cursor:{request.path}:{','.join(order)}"
        return order

    def get_page_size(self, request: Request) -> int:
        raw = request.query_params.get("page_size")
        if raw is None:
            return self.page_size
        if not (raw.isascii() and raw.isdecimal() and 1 <= int(raw[:9]) <= LARGEST):
            raise ValidationError({"page_size": f"Choose a whole number from 1 to {LARGEST}."})
        return int(raw)

    def decode_cursor(self, request: Request) -> Cursor | None:
        raw = request.query_params.get(self.cursor_query_param)
        if raw is None:
            return None
        try:
            offset, reverse, position = signing.loads(raw, salt=self._salt)
        except signing.BadSignature:
            raise ValidationError({"cursor": BAD_CURSOR}) from None
        return Cursor(offset=offset, reverse=reverse, position=position)

    def encode_cursor(self, cursor: Cursor) -> str:
        signed = signing.dumps([cursor.offset, cursor.reverse, cursor.position], salt=self._salt)
        return str(replace_query_param(self.base_url or "", self.cursor_query_param, signed))
