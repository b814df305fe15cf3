"""Session limits: 30 idle minutes, 12 hours in total, or until an administrator ends it.

The live dashboard refreshes without a user, so its requests do not count as activity. It stays
available for the 12 hours, when the other pages already require a new sign-in: it shows no
personal data, and must not go dark during a distribution.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.models import Session
from django.dispatch import receiver
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin

SIGNED_IN, SEEN = "signed_in_at", "seen_at"
SEEN_INTERVAL_SECONDS = 60  # between writes of the last activity
UNATTENDED_VIEW = "dashboard:board"


class SessionLimits(MiddlewareMixin):
    """Middleware that signs out users who were idle or signed in for too long."""

    def process_request(self, request: HttpRequest) -> None:
        if SESSION_KEY in request.session:
            unattended = request.path == reverse(UNATTENDED_VIEW)
            self._check(request, timezone.now().timestamp(), unattended=unattended)

    def _check(self, request: HttpRequest, now: float, *, unattended: bool) -> None:
        signed_in = request.session.setdefault(SIGNED_IN, now)
        seen = now if unattended else request.session.get(SEEN, now)
        idle, age = now - seen, now - signed_in
        ends = datetime.fromtimestamp(signed_in + settings.SESSION_COOKIE_AGE, UTC)
        request.signed_in_until = ends  # type: ignore[attr-defined]  # the live page shows it
        if idle > settings.SESSION_IDLE_SECONDS or age > settings.SESSION_COOKIE_AGE:
            logout(request)
        elif idle >= SEEN_INTERVAL_SECONDS or SEEN not in request.session:
            request.session[SEEN] = now


@receiver(user_logged_in)
def note_sign_in_time(sender: object, request: HttpRequest | None, **_: object) -> None:  # noqa: ARG001
    if request is not None and hasattr(request, "session"):
        now = timezone.now().timestamp()
        request.session[SIGNED_IN] = request.session[SEEN] = now


def end_sessions(user: AbstractBaseUser, *, now: datetime) -> int:
    """Sign a user out everywhere; how many sessions ended."""
    alive = Session.objects.filter(expire_date__gt=now)
    own = [row.pk for row in alive if row.get_decoded().get(SESSION_KEY) == str(user.pk)]
    Session.objects.filter(pk__in=own).delete()
    return len(own)
