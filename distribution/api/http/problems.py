"""Errors as RFC 9457 tells them: a stable code for programs, a sentence for people."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.exceptions import APIException, ErrorDetail

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
PATH = "/api/"
TYPE = "https://daybreak.example/problems/"  # a name, not an address: docs/api.md lists them

# What to do, by code: every problem that does not say it itself.
ADVICE = {
    "not_found": "There is nothing at this address, or no such record: check the path and the id.",
    "method_not_allowed": "This address does not answer that method: see the Allow header.",
    "not_authenticated": "Send a token in the header: Authorization: Bearer dbk_…",
    "permission_denied": "You may not do this: ask an administrator.",
    "not_acceptable": "This answer comes as application/json only: send Accept: application/json.",
    "unsupported_media_type": "Send the body as application/json and say so in Content-Type.",
    "parse_error": "The body could not be read: send one JSON document in UTF-8.",
    "invalid": "Correct the fields named in errors and send it again.",
    "throttled": "Too many requests: wait as many seconds as Retry-After says.",
    "too_large": "The body is too large for this address: send less at once.",
    "no_length": "This server wants to know how long the body is: send it with Content-Length.",
    "bad_request": "The request could not be understood: check its address and headers.",
    "database_away": "The database does not answer at the moment: try again in a few seconds.",
    "error": "Something is wrong on this side and was reported: try again later.",
}


class Problem(APIException):
    """A refusal with a code of its own: `raise Problem(409, "content_missing", "…")`.

    The sentence says what to do. `headers` go with the answer, such as Retry-After.
    """

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.headers = dict(headers or {})


class Conflict(Problem):
    """409: the step is not possible from where things stand."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(409, code, detail)


def handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """REST framework's exception handler: whatever happened is told as a problem."""
    from rest_framework.views import set_rollback  # which itself asks for what imports this

    set_rollback()
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, DjangoPermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig):
        error = Problem(413, "too_large", ADVICE["too_large"])
    elif isinstance(error, SuspiciousOperation):
        error = exceptions.ParseError(ADVICE["bad_request"], code="bad_request")
    if isinstance(error, APIException):
        return _told(error)
    request = context["request"]
    log.error("%s %s", request.method, request.path, exc_info=error)
    if isinstance(error, OperationalError | InterfaceError):
        return answer(503, "database_away", headers={"Retry-After": "5"})
    got_request_exception.send(sender=None, request=request._request)  # Sentry listens
    return answer(500, "error")


def _told(error: APIException) -> HttpResponse:
    headers = dict(getattr(error, "headers", {}))
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(max(1, round(wait)))
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if isinstance(error, exceptions.ValidationError):
        return answer(error.status_code, "invalid", errors=list(_fields(error.detail)))
    code = str(getattr(error.detail, "code", None) or error.default_code)
    ours = isinstance(error, Problem) or str(error.detail) != str(error.default_detail)
    detail = str(error.detail) if ours and code not in SPOKEN_FOR else ""
    return answer(error.status_code, code, detail, headers=headers)


# The framework's own sentences for these say what was wrong, not what to do.
SPOKEN_FOR = {"method_not_allowed", "not_acceptable", "unsupported_media_type", "throttled"}


def answer(
    status: int,
    code: str,
    detail: str = "",
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """The problem as a response."""
    return JsonResponse(
        body(status, code, detail, errors),
        status=status,
        content_type=MEDIA_TYPE,
        headers=dict(headers or {}),
        json_dumps_params={"separators": (",", ":"), "ensure_ascii": False},
    )


def body(
    status: int, code: str, detail: str = "", errors: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """The problem's JSON; without a sentence the one that belongs to its code."""
    return {
        "type": f"{TYPE}{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail or ADVICE.get(code, ADVICE["invalid"]),
        "code": code,
        "errors": list(errors),
    }


def _fields(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Every complaint with the path to its field: `recipients.3.phone`."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else str(name)
            yield from _fields(inner, ".".join(filter(None, (path, step))))
    elif isinstance(detail, list):
        for place, inner in enumerate(detail):
            deeper = isinstance(inner, Mapping | list)
            yield from _fields(
                inner, ".".join(filter(None, (path, str(place)))) if deeper else path
            )
    else:
        code = detail.code if isinstance(detail, ErrorDetail) else "invalid"
        yield {"field": path, "code": str(code or "invalid"), "detail": str(detail)}


def is_api(request: HttpRequest) -> bool:
    """Whether a program asks, who is told of errors in JSON; people get pages."""
    return request.path.startswith(PATH)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return (
        answer(400, "bad_request") if is_api(request) else defaults.bad_request(request, exception)
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return answer(404, "not_found")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    return answer(500, "error") if is_api(request) else defaults.server_error(request)
