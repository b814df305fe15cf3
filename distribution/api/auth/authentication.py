"""Who calls: a program by the token in its header, or staff by their browser's session."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from distribution.access import tokens
from distribution.models import ApiToken

REFUSED = (
    "This token is unknown, revoked or expired, or its owner is no longer active. Ask an "
    "administrator for a new one."
)


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer dbk_…`. Never in the URL, which access logs record."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, ApiToken] | None:
        scheme, _, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = tokens.find_by_key(key.strip(), now=timezone.now())
        if token is None:
            raise AuthenticationFailed(REFUSED, code="token_refused")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the framework's
        return 'Bearer realm="daybreak"'


def holder(request: Request) -> str:
    """`token:7` or `user:7`: whose idempotency keys and rate limits apply."""
    if isinstance(request.auth, ApiToken):
        return f"token:{request.auth.pk}"
    return f"user:{request.user.pk}"


def source(request: Request) -> str:
    """Where a decision came from: `api:` and the name of the token or the user."""
    return f"api:{request.auth.name if isinstance(request.auth, ApiToken) else actor(request)}"


def actor(request: Request) -> str:
    """The user on whose behalf the request acts."""
    return request.user.get_username()
