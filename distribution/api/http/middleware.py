"""What holds for every request of the API before and after its view: the size of its body, and
headers that say where the caller stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import LimitedStream
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from distribution.api.http import problems
from distribution.api.http.problems import Problem

TOO_LARGE = "Send at most {:,} bytes at once to this address."


class ApiMiddleware:
    """Middleware for everything under /api/."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if problems.is_api(request):
            if "Cache-Control" not in response:
                response["Cache-Control"] = "no-store"  # answers are about people
            if "Allow" in response:  # the framework lists what its base class has, too
                response["Allow"] = response["Allow"].replace(", OPTIONS", "")
            rate = getattr(request, "api_rate", None)
            for name, value in (rate.headers() if rate else {}).items():
                response[name] = value
        return response

    def process_view(
        self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """Refuse what is too large before anything reads it. A view may say `body_bytes`."""
        if not problems.is_api(request):
            return None
        limit = getattr(getattr(view, "cls", None), "body_bytes", settings.API_BODY_BYTES)
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return _let_chunks_in(request, limit)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) <= limit:
            return None
        return problems.answer(413, "too_large", TOO_LARGE.format(limit))


def _let_chunks_in(request: HttpRequest, limit: int) -> HttpResponse | None:
    """Django takes a body that comes in chunks for none at all: a trigger would lose its
    `dry_run`. The server's own stream has it."""
    if not request.META.get("wsgi.input_terminated"):  # a server that does not decode chunks
        return problems.answer(411, "no_length")
    request.META["CONTENT_LENGTH"] = str(limit)  # of this much at most; above 0 it is read
    request._stream = Counted(request.META["wsgi.input"], limit)  # type: ignore[assignment]
    return None


class Counted(LimitedStream):
    """A stream that is refused once it has given more than `most` bytes."""

    def __init__(self, stream: Any, most: int) -> None:
        super().__init__(stream, most + 1)  # one byte more tells
        self._most, self._given = most, 0

    def read(self, size: int | None = -1, /) -> bytes:
        found: bytes = super().read(size)
        self._given += len(found)
        if self._given > self._most:
            raise Problem(413, "too_large", TOO_LARGE.format(self._most))
        return found
