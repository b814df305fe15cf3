"""The same rows as CSV, for who sends `Accept: text/csv`: streamed, of whatever length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import StreamingHttpResponse
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from subscribers.spreadsheets import BYTE_ORDER_MARK

MEDIA_TYPE = "text/csv"


class CsvRenderer(BaseRenderer):
    """Stands for the format while it is negotiated; what is sent is `csv_answer`."""

    media_type = MEDIA_TYPE
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002 - the framework's
        renderer_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> bytes:
        return str(data).encode()


BOTH = [JSONRenderer, CsvRenderer]


def wants_csv(request: Request) -> bool:
    return isinstance(getattr(request, "accepted_renderer", None), CsvRenderer)


def csv_answer(lines: Iterable[str], name: str) -> StreamingHttpResponse:
    """A file of that name, row by row; programs take Excel's mark for a part of the first name."""
    plain = (line for line in lines if line != BYTE_ORDER_MARK)
    response = StreamingHttpResponse(plain, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
