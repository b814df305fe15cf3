"""Content security policy, and the refusal of API calls and webhooks over plain HTTP."""

from __future__ import annotations

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

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
# The admin theme uses Alpine, which evaluates expressions in attributes: without this its overlays
# never close and cover the page. Even there, no inline scripts and no other origin.
ADMIN_POLICY = {"script-src": ["'unsafe-eval'"], "style-src": ["'unsafe-inline'"]}
ADMIN_PATH = "/admin/"
API_PATH = "/api/"
MACHINE_PATHS = ("/webhooks/", API_PATH)


class ContentPolicy(CSPMiddleware):
    """One strict policy, loosened only under the admin's path."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path.startswith(ADMIN_PATH) and not report_only:
            parts.update = {**(parts.update or {}), **ADMIN_POLICY}
        return parts


class RefusePlainHttp(MiddlewareMixin):
    """Refuses API calls and webhooks over plain HTTP; only pages are redirected to HTTPS.

    A redirect would hide that the caller already sent its secrets in clear.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if not settings.HTTPS or request.is_secure() or not request.path.startswith(MACHINE_PATHS):
            return None
        if request.path.startswith(API_PATH):
            from distribution.api.http import problems  # cannot be imported while settings load

            return problems.response(
                403, "https_only", "Use https. Your token was sent unencrypted."
            )
        return HttpResponse("HTTPS only.\n", status=403, content_type="text/plain")
