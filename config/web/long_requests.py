"""Refuses addresses and headers that are longer than any of ours, before anything reads them.

The web server takes 400 kB of them. What splits searches, dates and lists of addresses is meant
for texts of a line; nginx refuses what is longer than 8 kB by default.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from config.web.headers import API_PATH

ADDRESS_LIMIT = 8 * 1024  # characters of the path and the query
HEADER_LIMIT = 8 * 1024  # characters of one header
LONG_ADDRESS = "This URL is longer than 8 kB. Request less at once, or send it in the body."
LONG_HEADER = "A header is longer than 8 kB. Delete the cookies of this site and try again."


class LongRequests(MiddlewareMixin):
    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        meta = request.META
        if len(meta.get("QUERY_STRING", "")) + len(request.path) > ADDRESS_LIMIT:
            return _refusal(request, 414, LONG_ADDRESS)
        if any(len(str(meta[name])) > HEADER_LIMIT for name in meta if name.startswith("HTTP_")):
            return _refusal(request, 431, LONG_HEADER)
        return None


def _refusal(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    if request.path.startswith(API_PATH):
        from distribution.api.http import problems  # cannot be imported while settings load

        return problems.response(status, "too_large", sentence)
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")
