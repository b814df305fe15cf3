"""What pages may load, and which requests are turned away before anything reads them."""

from __future__ import annotations

from collections.abc import Callable

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

POLICY: dict[str, object] = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "media-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
# The admin's look is built on Alpine, which evaluates the words in its attributes: without this
# its overlays never close and cover the page. Nothing inline, nobody else's origin even there.
ADMIN = {"script-src": ["'unsafe-eval'"], "style-src": ["'unsafe-inline'"]}
ADMIN_PATH = "/admin/"
API = "/api/"
MACHINES = ("/webhooks/", API)


class ContentPolicy(CSPMiddleware):
    """One strict policy everywhere, loosened under the admin's path only."""

    def get_policy_parts(
        self,
        request: HttpRequest,
        response: HttpResponseBase,
        report_only: bool = False,
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path.startswith(ADMIN_PATH) and not report_only:
            parts.update = {**(parts.update or {}), **ADMIN}
        return parts


class RefuseInsecureMachines:
    """A page asked for over plain HTTP is redirected; a machine that posts is told no.

    A redirect would hide that its secrets already went over the wire in clear.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.HTTPS and not request.is_secure() and request.path.startswith(MACHINES):
            if request.path.startswith(API):
                from distribution.api.http import problems  # too early when the settings read this

                return problems.answer(
                    403, "https_only", "Use https: your token was sent in clear."
                )
            return HttpResponse("HTTPS only.\n", status=403, content_type="text/plain")
        return self._get_response(request)
