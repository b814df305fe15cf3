"""Limits the size of request bodies and adds headers to every response of the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import LimitedStream
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from distribution.api.http import deprecation, problems
from distribution.api.http.problems import Problem
from subscribers.whole_numbers import whole_number

TOO_LARGE = "Send at most {:,} bytes at once to this path."


class ApiMiddleware:
    """Middleware for everything under /api/."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if problems.is_api(request):
            response.headers.setdefault("Cache-Control", "no-store")  # they hold personal data
            response.headers["API-Version"] = settings.API_VERSION
            if "Allow" in response:  # Django lists the base class's methods too
                response["Allow"] = response["Allow"].replace(", OPTIONS", "")
            for told in (getattr(request, name, None) for name in ("api_rate", "api_deprecation")):
                for name, value in (told.headers() if told else {}).items():
                    response[name] = value
        return response

    def process_view(
        self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """Refuse a body that is too large before it is read. A view may set `body_bytes`."""
        if not problems.is_api(request):
            return None
        view_class = getattr(view, "cls", None)
        request.api_deprecation = deprecation.of(view_class, request.method or "")  # type: ignore[attr-defined]
        limit = getattr(view_class, "body_bytes", settings.API_BODY_BYTES)
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return _accept_chunked(request, limit)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if whole_number(length, most=limit) is not None:
            return None
        return problems.response(413, "too_large", TOO_LARGE.format(limit))


def _accept_chunked(request: HttpRequest, limit: int) -> HttpResponse | None:
    """Make Django read a chunked body, which it would treat as empty: a trigger would lose its
    `dry_run`. The server's input stream holds the decoded body."""
    if not request.META.get("wsgi.input_terminated"):  # a server that does not decode chunks
        return problems.response(411, "no_length")
    # The most it may be: Django reads only if the length is above 0.
    request.META["CONTENT_LENGTH"] = str(limit)
    request._stream = SizeLimitedStream(request.META["wsgi.input"], limit)  # type: ignore[assignment]
    return None


class SizeLimitedStream(LimitedStream):
    """Raises Problem 413 once more than `limit` bytes have been read."""

    def __init__(self, stream: Any, limit: int) -> None:
        super().__init__(stream, limit + 1)  # one more byte shows that the body is too large
        self._limit_bytes, self._read_bytes = limit, 0

    def read(self, size: int | None = -1, /) -> bytes:
        chunk: bytes = super().read(size)
        self._read_bytes += len(chunk)
        if self._read_bytes > self._limit_bytes:
            raise Problem(413, "too_large", TOO_LARGE.format(self._limit_bytes))
        return chunk
