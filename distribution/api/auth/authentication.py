"""Authenticates programs by the token in their header; staff use their browser's session."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from distribution.access import tokens
from distribution.models import ApiToken

REFUSED = (
    "This token is unknown, revoked, expired, or its person has left: ask an administrator for a "
    "new one."
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
