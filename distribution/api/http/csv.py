"""Lists as CSV for `Accept: text/csv`, streamed so that any length needs little memory."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import StreamingHttpResponse
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from distribution.api.http.files import attachment
from subscribers.spreadsheets import BYTE_ORDER_MARK

MEDIA_TYPE = "text/csv"


class CsvRenderer(BaseRenderer):
    """Takes part in content negotiation; the response itself comes from `csv_response`."""

    media_type = MEDIA_TYPE
    format = "csv"
    charset = "utf-8"


JSON_OR_CSV = [JSONRenderer, CsvRenderer]


def wants_csv(request: Request) -> bool:
    return isinstance(getattr(request, "accepted_renderer", None), CsvRenderer)


def csv_response(request: Request, lines: Iterable[str], name: str) -> StreamingHttpResponse:
    """A download of that name, in one of the few places for downloads, without Excel's byte order
    mark, which other programs would read as part of the first column's name."""
    plain = (line for line in lines if line != BYTE_ORDER_MARK)
    return attachment(request, plain, name, "text/csv; charset=utf-8")
