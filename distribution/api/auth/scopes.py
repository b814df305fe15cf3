"""Authorisation and rate limits by scope.

A view names the scope of each method in `scopes`; other methods are refused. API_RATES sets the
requests a minute for each scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from distribution.access import rate_limits
from distribution.api.auth.authentication import holder
from distribution.models import ApiToken, Scope

if TYPE_CHECKING:  # APIView imports its defaults, and this is one of them
    from rest_framework.views import APIView

Scopes = Mapping[str, Scope]
SCOPE_MISSING = "This needs the scope “{}”: ask an administrator for a token that has it."

# For signed-in staff: the permission of the matching admin page.
PERMISSIONS = {
    Scope.READ: "distribution.view_distribution",
    Scope.SUBSCRIBERS: "subscribers.import_subscriber",
    Scope.CONTENT: "distribution.add_content",
    Scope.DISTRIBUTE: "distribution.start_distribution",
    Scope.ADMIN: "distribution.add_apitoken",
}


class ScopeNeeded(BasePermission):
    """Denies by default: only the scope that the view names for the method grants access."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        scope = required_scope(view, request.method or "")
        if scope is None:
            raise MethodNotAllowed(request.method or "")
        if not request.user.is_authenticated:
            raise NotAuthenticated
        if not _holds(request, scope):
            raise PermissionDenied(SCOPE_MISSING.format(scope), code="scope_missing")
        return True


def required_scope(view: object, method: str) -> Scope | None:
    """The scope that a view requires for a method; None if it does not support the method."""
    scopes: Scopes = getattr(view, "scopes", {})
    return scopes.get("GET" if method == "HEAD" else method)


def _holds(request: Request, scope: Scope) -> bool:
    if isinstance(request.auth, ApiToken):
        return scope in request.auth.scopes
    user = request.user
    return isinstance(user, User) and user.is_staff and user.has_perm(PERMISSIONS[scope])


class ScopeThrottle(BaseThrottle):
    """One counter for each token, or signed-in user, and scope."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        scope = required_scope(view, request.method or "")
        if scope is None:
            return True
        limit = settings.API_RATES[scope]
        self.rate = rate_limits.count_request(f"{holder(request)}:{scope}", limit)
        request._request.api_rate = self.rate  # type: ignore[attr-defined]  # ApiMiddleware reads it
        return not self.rate.exceeded

    def wait(self) -> float:
        return float(self.rate.reset_seconds)
