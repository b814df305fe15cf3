"""Errors as RFC 9457 problem details: a stable code for programs, a sentence for people."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
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
# Relative to the installation that answers (RFC 9457, 3.1.1): each leads to the page of its code.
TYPE = f"{PATH}problems/"
# By code: the status, what happened, and what to do, for those pages.
TYPES: dict[str, tuple[int, str, str]] = {
    code: (status, title, advice)
    for code, (status, title, advice) in json.loads(
        Path(__file__).with_name("problem_types.json").read_text("utf-8")
    ).items()
}

# What the caller can do, by code, for problems without a sentence of their own.
ADVICE = {
    "not_found": "There is no such address or record. Check the path and the id.",
    "method_not_allowed": "This address does not support that method. See the Allow header.",
    "not_authenticated": "Send a token in the header: Authorization: Bearer dbk_…",
    "permission_denied": "You cannot do this. Ask an administrator.",
    "not_acceptable": "This response is only available as JSON. Send Accept: application/json.",
    "unsupported_media_type": "Send the body as application/json and say so in Content-Type.",
    "parse_error": "The body could not be read. Send one JSON document in UTF-8.",
    "invalid": "Correct the fields listed in errors, then send the request again.",
    "throttled": "Too many requests. Wait as many seconds as Retry-After says.",
    "too_large": "The body is too large for this address. Send less at once.",
    "no_length": "The length of the body is missing. Send it with Content-Length.",
    "bad_request": "The request could not be understood. Check its address and headers.",
    "database_away": "The database is not available right now. Try again in a few seconds.",
    "error": "Something went wrong on our side. It has been reported. Try again later.",
}


class Problem(APIException):
    """An error with a specific code: `raise Problem(409, "content_missing", "…")`.

    `detail` tells the caller what to do. `headers` are added to the response (Retry-After).
    """

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.headers = dict(headers or {})


class Conflict(Problem):
    """409: the current state of the record does not allow the step."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(409, code, detail)


@contextmanager
def conflict_on(error: type[Exception], code: str) -> Iterator[None]:
    """Answer this refusal of the domain with 409, in its own words."""
    try:
        yield
    except error as refusal:
        raise Conflict(code, str(refusal)) from None


def handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """REST framework's exception handler: turns every exception into a problem response."""
    from rest_framework.views import set_rollback  # its defaults import this module

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
        return _response_to(error)
    request = context["request"]
    log.error("%s %s", request.method, request.path, exc_info=error)
    if isinstance(error, OperationalError | InterfaceError):
        return response(503, "database_away", headers={"Retry-After": "5"})
    got_request_exception.send(sender=None, request=request._request)  # Sentry reports it
    return response(500, "error")


def _response_to(error: APIException) -> HttpResponse:
    headers = dict(getattr(error, "headers", {}))
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(max(1, round(wait)))
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if isinstance(error, exceptions.ValidationError):
        return response(error.status_code, "invalid", errors=list(_field_errors(error.detail)))
    code = str(getattr(error.detail, "code", None) or error.default_code)
    is_specific = isinstance(error, Problem) or str(error.detail) != str(error.default_detail)
    detail = str(error.detail) if is_specific and code not in ADVICE_REPLACES_DETAIL else ""
    return response(error.status_code, code, detail, headers=headers)


# REST framework's sentences for these codes state the error but not what to do.
ADVICE_REPLACES_DETAIL = {
    "method_not_allowed",
    "not_acceptable",
    "unsupported_media_type",
    "throttled",
}


def response(
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
    """The problem's JSON. Without `detail` it gets the sentence of its code."""
    return {
        "type": f"{TYPE}{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail or ADVICE.get(code, ADVICE["invalid"]),
        "code": code,
        "errors": list(errors),
    }


def _field_errors(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Each error with the path of its field: `recipients.3.phone`."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            part = "" if name == "non_field_errors" else str(name)
            yield from _field_errors(inner, ".".join(filter(None, (path, part))))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            deeper = isinstance(inner, Mapping | list)
            yield from _field_errors(
                inner, ".".join(filter(None, (path, str(index)))) if deeper else path
            )
    else:
        code = detail.code if isinstance(detail, ErrorDetail) else "invalid"
        yield {"field": path, "code": str(code or "invalid"), "detail": str(detail)}


def is_api(request: HttpRequest) -> bool:
    """Whether errors are sent as JSON; other requests come from people, who get HTML pages."""
    return request.path.startswith(PATH) or request.path == PATH.rstrip("/")


def _error_view(
    status: int, code: str, page: Callable[..., HttpResponse]
) -> Callable[..., HttpResponse]:
    """A handler of Django for this status."""

    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return response(status, code) if is_api(request) else page(request, *args, **kwargs)

    return view


bad_request = _error_view(400, "bad_request", defaults.bad_request)
not_found = _error_view(404, "not_found", defaults.page_not_found)
server_error = _error_view(500, "error", defaults.server_error)
