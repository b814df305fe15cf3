"""Authorisation and rate limits by scope.

A view names the scope of each method in `scopes`; other methods are refused. In `permissions` it
names, by method, the permission of the admin page that does the same, if that is not the scope's
own. A token needs the scope, and its owner the permission at the moment of the call; signed-in
staff need the permission. API_RATES sets the requests a minute for each scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from distribution.access import rate_limits
from distribution.access.permissions import holds
from distribution.api.auth.authentication import holder
from distribution.models import ApiToken, Scope

if TYPE_CHECKING:  # APIView imports its defaults, and this is one of them
    from rest_framework.views import APIView

Scopes = Mapping[str, Scope]
SCOPE_MISSING = (
    "This operation needs the scope “{}”. Ask an administrator for a token with that scope."
)
ROLE_MISSING = "The role of {} does not allow this. Ask an administrator."


class ScopeNeeded(BasePermission):
    """Denies by default: only the scope that the view names for the method grants access."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        scope = required_scope(view, request.method or "")
        if scope is None:
            raise MethodNotAllowed(request.method or "")
        if not request.user.is_authenticated:
            raise NotAuthenticated
        if isinstance(request.auth, ApiToken) and scope not in request.auth.scopes:
            raise PermissionDenied(SCOPE_MISSING.format(scope), code="scope_missing")
        if not holds(request.user, scope, _own_permission(view, request.method or "")):
            raise PermissionDenied(ROLE_MISSING.format(request.user), code="role_missing")
        return True


def required_scope(view: object, method: str) -> Scope | None:
    """The scope that a view requires for a method; None if it does not support the method."""
    scopes: Scopes = getattr(view, "scopes", {})
    return scopes.get("GET" if method == "HEAD" else method)


def _own_permission(view: object, method: str) -> str:
    """The permission that the admin asks for the same act, if it is not that of the scope."""
    permissions: Mapping[str, str] = getattr(view, "permissions", {})
    return permissions.get(method, "")


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
