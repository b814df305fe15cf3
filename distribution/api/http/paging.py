"""Cursor pagination: no row is skipped or repeated while rows are added and removed.

REST framework's cursor holds one column and an offset among equal values, which gets slower with
each page and shifts when such rows change. This cursor holds all columns of the order, so every
page is one short index scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.core import signing
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from subscribers.whole_numbers import whole_number

if TYPE_CHECKING:  # APIView imports its defaults, and this is one of them
    from rest_framework.views import APIView

MAX_PAGE_SIZE = 200
DEFAULT_PAGE_SIZE = 50
BAD_CURSOR = "This cursor belongs to another list or was changed. Start without a cursor."


class CursorPages(CursorPagination):
    """`?cursor=` from `next` or `previous`, `?page_size=` up to 200.

    The cursor is signed with the path and the ordering, so it is valid for its own list only. A
    view sets `ordering` to columns that are never null, all ascending or all descending, the
    last one unique.
    """

    page_size = DEFAULT_PAGE_SIZE
    max_page_size = MAX_PAGE_SIZE
    page_size_query_param = "page_size"
    page_size_query_description = (
        f"Rows per page: {DEFAULT_PAGE_SIZE} by default, {MAX_PAGE_SIZE} at most."
    )
    cursor_query_description = (
        "The position of the page: from `next` or `previous` of another page."
    )
    ordering: str | tuple[str, ...] = ("-pk",)

    def paginate_queryset(
        self,
        queryset: QuerySet[Any, Any] | Sequence[Any],
        request: Request,
        view: APIView | None = None,
    ) -> list[Any]:
        assert isinstance(queryset, QuerySet)
        order = self.get_ordering(request, queryset, view)
        self._names = [name.removeprefix("-") for name in order]
        self._salt = f"cursor:{request.path}:{','.join(order)}"
        self.base_url = request.build_absolute_uri()
        position, backward = self._position(request, queryset.model)
        down = order[0].startswith("-") != backward
        rows = queryset.order_by(*(f"-{name}" if down else name for name in self._names))
        if position is not None:
            beyond = TupleLessThan if down else TupleGreaterThan
            # A tuple even of one column, so that both cases are the same code.
            rows = rows.filter(beyond(Tuple(*map(F, self._names)), position))
        size = self.get_page_size(request)
        fetched = list(rows[: size + 1])
        more, page = len(fetched) > size, fetched[:size]
        self._rows = page[::-1] if backward else page
        self.has_next = bool(page) and (backward or more)
        self.has_previous = bool(page) and (more if backward else position is not None)
        return self._rows

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor, page_size = super().get_schema_operation_parameters(view)
        page_size["schema"].update(minimum=1, maximum=MAX_PAGE_SIZE, default=DEFAULT_PAGE_SIZE)
        return [cursor, page_size]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = {"type": ["string", "null"], "format": "uri"}  # in the form of OpenAPI 3.1
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": {**address, "description": "The URL of the next page."},
                "previous": {**address, "description": "The URL of the previous page."},
                "results": schema,
            },
        }

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        self.ordering = getattr(view, "ordering", None) or self.ordering
        order = tuple(super().get_ordering(request, queryset, view))  # consults the Ordering filter
        if len(order) == 1 and order[0].removeprefix("-") not in ("pk", "id"):
            order += ("-pk" if order[0].startswith("-") else "pk",)  # so that the order is total
        return order

    def get_page_size(self, request: Request) -> int:
        raw = request.query_params.get("page_size")
        if raw is None:
            return self.page_size
        size = whole_number(raw, most=MAX_PAGE_SIZE)
        if not size:
            raise ValidationError(
                {"page_size": f"Choose a whole number from 1 to {MAX_PAGE_SIZE}."}
            )
        return size

    def get_next_link(self) -> str | None:
        return self._link(self._rows[-1], backward=False) if self.has_next else None

    def get_previous_link(self) -> str | None:
        return self._link(self._rows[0], backward=True) if self.has_previous else None

    def _link(self, row: Any, *, backward: bool) -> str:
        position = [_field(row, name).value_to_string(row) for name in self._names]
        signed = signing.dumps([backward, *position], salt=self._salt)
        return str(replace_query_param(self.base_url or "", self.cursor_query_param, signed))

    def _position(
        self, request: Request, model: type[Model]
    ) -> tuple[tuple[Any, ...] | None, bool]:
        """The values of the row next to this page, and whether the page lies before that row."""
        raw = request.query_params.get(self.cursor_query_param)
        if raw is None:
            return None, False
        try:
            backward, *position = signing.loads(raw, salt=self._salt)
            fields = [_field(model, name) for name in self._names]
            return tuple(map(lambda f, v: f.to_python(v), fields, position)), bool(backward)
        except (signing.BadSignature, DjangoValidationError, ValueError, TypeError):
            raise ValidationError({"cursor": BAD_CURSOR}) from None


def _field(model: Model | type[Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)
