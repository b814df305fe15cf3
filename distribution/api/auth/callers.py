"""Who asks, as the records name them."""

from __future__ import annotations

from rest_framework.request import Request

from distribution.models import ApiToken


def source(request: Request) -> str:
    """The door a decision came by: `api:` and the token's name, or the person's."""
    return f"api:{request.auth.name if isinstance(request.auth, ApiToken) else actor(request)}"


def actor(request: Request) -> str:
    """The user in whose name it is done."""
    return request.user.get_username()
