"""The caller of a request, in the form that records store."""

from __future__ import annotations

from rest_framework.request import Request

from distribution.models import ApiToken


def source(request: Request) -> str:
    """Where a decision came from: `api:` and the name of the token or the user."""
    return f"api:{request.auth.name if isinstance(request.auth, ApiToken) else actor(request)}"


def actor(request: Request) -> str:
    """The user on whose behalf the request acts."""
    return request.user.get_username()
