"""Lists in pages that follow a cursor: no page is missed or doubled while rows come and go.

The framework's own pages keep one column and count the rows that tie with it, which costs the
more the further one reads and shifts when a tie changes. These keep the whole place of a row,
so every page is one short read of an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.core import signing
from django.core.exceptions import FieldDoesNotExist
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
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
    `ordering` by columns that are never empty, all up or all down, ending in one that is unique.
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
    ) -> list[Any]:
        assert isinstance(queryset, QuerySet)
        order = self.get_ordering(request, queryset, view)
        self._names = [name.removeprefix("-") for name in order]
        self._salt = f"cursor:{request.path}:{','.join(order)}"
        self.base_url = request.build_absolute_uri()
        place, backward = self._place(request, queryset.model)
        down = order[0].startswith("-") != backward
        rows = queryset.order_by(*(f"-{name}" if down else name for name in self._names))
        if place is not None:
            beyond = TupleLessThan if down else TupleGreaterThan
            # A tuple even of one: the same words for both.
            rows = rows.filter(beyond(Tuple(*map(F, self._names)), place))
        size = self.get_page_size(request)
        found = list(rows[: size + 1])
        more, page = len(found) > size, found[:size]
        self._rows = page[::-1] if backward else page
        self.has_next = bool(page) and (backward or more)
        self.has_previous = bool(page) and (more if backward else place is not None)
        return self._rows

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        sizes = (one["schema"] for one in told if one["name"] == self.page_size_query_param)
        for schema in sizes:
            schema.update(minimum=1, maximum=LARGEST, default=USUAL)
        return told

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = {"type": ["string", "null"], "format": "uri"}  # as OpenAPI 3.1 says it
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": {**address, "description": "Address of the next page."},
                "previous": {**address, "description": "Address of the page before."},
                "results": schema,
            },
        }

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        self.ordering = getattr(view, "ordering", None) or self.ordering
        order = tuple(super().get_ordering(request, queryset, view))  # asks an OrderingFilter
        if len(order) == 1 and order[0].removeprefix("-") not in ("pk", "id"):
            order = (*order, "-pk" if order[0].startswith("-") else "pk")  # never a tie
        return order

    def get_page_size(self, request: Request) -> int:
        raw = request.query_params.get("page_size")
        if raw is None:
            return self.page_size
        if not (raw.isascii() and raw.isdecimal() and 1 <= int(raw[:9]) <= LARGEST):
            raise ValidationError({"page_size": f"Choose a whole number from 1 to {LARGEST}."})
        return int(raw)

    def get_next_link(self) -> str | None:
        return self._link(self._rows[-1], backward=False) if self.has_next else None

    def get_previous_link(self) -> str | None:
        return self._link(self._rows[0], backward=True) if self.has_previous else None

    def _link(self, row: Any, *, backward: bool) -> str:
        place = [_field(row, name).value_to_string(row) for name in self._names]
        signed = signing.dumps([backward, *place], salt=self._salt)
        return str(replace_query_param(self.base_url or "", self.cursor_query_param, signed))

    def _place(self, request: Request, model: type[Model]) -> tuple[tuple[Any, ...] | None, bool]:
        """The row this page lies beyond, and whether it lies before it."""
        raw = request.query_params.get(self.cursor_query_param)
        if raw is None:
            return None, False
        try:
            backward, *place = signing.loads(raw, salt=self._salt)
            fields = [_field(model, name) for name in self._names]
            return tuple(map(lambda f, v: f.to_python(v), fields, place)), bool(backward)
        except (signing.BadSignature, DjangoValidationError, ValueError, TypeError):
            raise ValidationError({"cursor": BAD_CURSOR}) from None


def _field(model: Model | type[Model], name: str) -> Any:
    meta = model._meta
    if name == "pk":
        assert meta.pk is not None
        return meta.pk
    try:
        return meta.get_field(name)
    except FieldDoesNotExist as error:
        raise AssertionError(f"no column {name} to page by") from error
