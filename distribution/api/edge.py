"""What holds for every request of the API before and after its view: the size of its body, and
headers that say where the caller stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from distribution.api import problems


class Edge:
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
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) <= limit:
            return None
        return problems.answer(
            413, "too_large", f"Send at most {limit:,} bytes at once to this address."
        )
