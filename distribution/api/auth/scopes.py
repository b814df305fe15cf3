"""What may be asked by whom. A view says which scope each of its methods needs; one that says
nothing is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from distribution.models import ApiToken, Scope

if TYPE_CHECKING:  # it imports its defaults, and this is one of them
    from rest_framework.views import APIView

Scopes = Mapping[str, Scope]
MISSING = "This needs the scope “{}”: ask an administrator for a token that has it."

# What a signed-in person needs for the same: the permission that opens the page of the admin.
PERMISSIONS = {
    Scope.READ: "distribution.view_distribution",
    Scope.SUBSCRIBERS: "subscribers.import_subscriber",
    Scope.CONTENT: "distribution.add_content",
    Scope.DISTRIBUTE: "distribution.start_distribution",
    Scope.ADMIN: "distribution.add_apitoken",
}


class ScopeNeeded(BasePermission):
    """Default deny: only the scope that the view names for the method opens it."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        scope = needed(view, request.method or "")
        if scope is None:
            raise MethodNotAllowed(request.method or "")
        if not request.user.is_authenticated:
            raise NotAuthenticated
        if not _holds(request, scope):
            raise PermissionDenied(MISSING.format(scope), code="scope_missing")
        return True


def needed(view: object, method: str) -> Scope | None:
    """The scope that a view wants for a method; None: the view does not answer it."""
    scopes: Scopes = getattr(view, "scopes", {})
    return scopes.get("GET" if method == "HEAD" else method)


def _holds(request: Request, scope: Scope) -> bool:
    if isinstance(request.auth, ApiToken):
        return scope in request.auth.scopes
    user = request.user
    return isinstance(user, User) and user.is_staff and user.has_perm(PERMISSIONS[scope])
