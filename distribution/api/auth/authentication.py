"""Who asks: a program by its token in the header, or staff by the session of their browser."""

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
    """`Authorization: Bearer dbk_…`, never in the address, where logs would keep it."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, ApiToken] | None:
        word, _, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if word.lower() != "bearer":
            return None
        token = tokens.recognise(key.strip(), now=timezone.now())
        if token is None:
            raise AuthenticationFailed(REFUSED, code="token_refused")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the framework's
        return 'Bearer realm="daybreak"'
