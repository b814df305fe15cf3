"""An id for each request: in its log lines, in the header of the answer, and on error pages.

Somebody who sees an error reads it out, and the log lines of that request are found. An id from
outside is taken only if it is a UUID, as proxies and tracing write it: anything else could forge
lines or carry a phone number into the log.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponseBase

HEADER = "X-Request-ID"
UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.I)
# Consonants without l: easy to read out, no words, and never mistaken for a phone number.
LETTERS = "bcdfghjkmnpqrstvwxyz"
GROUPS = 3  # of four letters: 4 * 10^15 ids

_current: ContextVar[str] = ContextVar("request_id", default="")


def current() -> str:
    """The id of the request that this code works for, or ''."""
    return _current.get()


def new_id() -> str:
    """Such as `bxkq-mmtz-wrcf`."""
    groups = ("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(GROUPS))
    return "-".join(groups)


class RequestIds:
    """Middleware, the first of all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get(HEADER, "")
        request_id = given if UUID.fullmatch(given) else new_id()
        token = _current.set(request_id)
        try:
            response = self._get_response(request)
            response[HEADER] = request_id
            return response
        finally:
            _current.reset(token)


def context(_request: HttpRequest) -> dict[str, str]:
    """Context processor: `request_id` in every template."""
    return {"request_id": current()}
