"""The cookie of a browser in which a person has signed in before, after OWASP's device cookies.

It names the person and a random number, signed. It opens nothing: failed sign-ins from there are
counted apart from those of everybody else (`config/staff/lockout.py`).
"""

from __future__ import annotations

import hashlib
import secrets

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, User
from django.core import signing
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

PREFIX = "known device "  # of what stands for the browser in the list of sign-in failures
SALT = "daybreak.known-device"
AGE_SECONDS = 180 * 24 * 3600
_WANTED = "_known_device"


class KnownDevices(MiddlewareMixin):
    """Middleware: gives the cookie with the answer to a completed sign-in."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        value = getattr(request, _WANTED, "")
        if value:
            response.set_cookie(
                settings.DEVICE_COOKIE_NAME,
                value,
                max_age=AGE_SECONDS,
                secure=settings.HTTPS,
                httponly=True,
                samesite="Lax",
            )
        return response


def remember(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Make this browser known as one of the user's, unless it is."""
    if not device_of(request, user.get_username()):
        value = signing.dumps([user.pk, secrets.token_urlsafe(16)], salt=SALT)
        setattr(request, _WANTED, value)


def device_of(request: HttpRequest | None, name: str | None) -> str:
    """What the browser is called in the list of failures, if it is one of this name's; or ''."""
    cookie = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "") if request is not None else ""
    if not cookie or not name:
        return ""
    try:
        pk, nonce = signing.loads(cookie, salt=SALT, max_age=AGE_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    if not User.objects.filter(pk=pk, username=name).exists():
        return ""
    return PREFIX + hashlib.sha256(str(nonce).encode()).hexdigest()[:12]
