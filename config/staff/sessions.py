"""How long somebody stays signed in: 30 idle minutes, 12 hours at most, or until told to leave.

The board on the wall asks by itself, so its asking proves nobody's presence: it prolongs nothing.
It is answered for the 12 hours all the same, when every other page wants a new sign-in already:
the board says nothing of anybody, and must not go dark in the middle of a morning.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.models import Session
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone

SIGNED_IN, SEEN = "signed_in_at", "seen_at"
SEEN_INTERVAL_SECONDS = 60  # a busy person's clicks do not write each
UNATTENDED_VIEW = "dashboard:board"


class SessionLimits:
    """Signs out who was idle for too long or came too long ago."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if SESSION_KEY in request.session:
            unattended = request.path == reverse(UNATTENDED_VIEW)
            self._check(request, timezone.now().timestamp(), unattended=unattended)
        return self._get_response(request)

    def _check(self, request: HttpRequest, now: float, *, unattended: bool) -> None:
        began = request.session.setdefault(SIGNED_IN, now)
        seen = now if unattended else request.session.get(SEEN, now)
        idle, age = now - seen, now - began
        ends = datetime.fromtimestamp(began + settings.SESSION_COOKIE_AGE, UTC)
        request.signed_in_until = ends  # type: ignore[attr-defined]  # the wall shows it
        if idle > settings.SESSION_IDLE_SECONDS or age > settings.SESSION_COOKIE_AGE:
            logout(request)
        elif idle >= SEEN_INTERVAL_SECONDS or SEEN not in request.session:
            request.session[SEEN] = now


@receiver(user_logged_in)
def start_clock(sender: object, request: HttpRequest | None, **_: object) -> None:  # noqa: ARG001
    if request is not None and hasattr(request, "session"):
        now = timezone.now().timestamp()
        request.session[SIGNED_IN] = request.session[SEEN] = now


def end_sessions(user: AbstractBaseUser, *, now: datetime) -> int:
    """Sign a person out everywhere; how many sessions ended."""
    alive = Session.objects.filter(expire_date__gt=now)
    own = [one.pk for one in alive if one.get_decoded().get(SESSION_KEY) == str(user.pk)]
    Session.objects.filter(pk__in=own).delete()
    return len(own)
