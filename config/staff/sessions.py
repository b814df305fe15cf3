"""Session limits: 30 idle minutes, 12 hours in total, or until an administrator ends it.

What a page asks for by itself is no activity: every GET of a script, the addresses in
UNATTENDED_VIEWS whoever asks, and a page that reloads itself, which says so in its query
(BY_ITSELF). A test looks through all templates and scripts for what asks on a timer.

The live dashboard stays available for the 12 hours, when the other pages already require a new
sign-in: it shows no personal data, and must not go dark during a distribution.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.models import Session
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin

from config.staff import parts

SIGNED_IN, SEEN = "signed_in_at", "seen_at"  # seconds since 1970
CONFIRMED = "confirmed_at"  # when password and code were given (`config/staff/confirmation.py`)
SEEN_INTERVAL_SECONDS = 60  # between writes of the last activity
WALL_VIEW = "dashboard:board"
UNATTENDED_VIEWS = {
    WALL_VIEW,
    "admin:distribution_figures",
    "admin:subscribers_importjob_progress",
    "signed_in",
}
BY_ITSELF = "by-itself"  # in the query of a page that reloads itself


class SessionLimits(MiddlewareMixin):
    """Middleware that signs out users who were idle or signed in for too long."""

    def process_request(self, request: HttpRequest) -> None:
        if SESSION_KEY in request.session:
            view = _view_name(request.path)
            self._check(
                request,
                timezone.now().timestamp(),
                counts=not (view in UNATTENDED_VIEWS or _is_by_itself(request)),
                is_wall=view == WALL_VIEW,
            )

    def _check(self, request: HttpRequest, now: float, *, counts: bool, is_wall: bool) -> None:
        signed_in = request.session.setdefault(SIGNED_IN, now)
        seen = now if is_wall else request.session.get(SEEN, now)
        idle, age = now - seen, now - signed_in
        ends = datetime.fromtimestamp(signed_in + settings.SESSION_COOKIE_AGE, UTC)
        request.signed_in_until = ends  # type: ignore[attr-defined]  # the live page shows it
        if idle > settings.SESSION_IDLE_SECONDS or age > settings.SESSION_COOKIE_AGE:
            logout(request)
        elif (counts and idle >= SEEN_INTERVAL_SECONDS) or SEEN not in request.session:
            request.session[SEEN] = now


def _view_name(path: str) -> str:
    try:
        return resolve(path).view_name
    except Resolver404:
        return ""


def _is_by_itself(request: HttpRequest) -> bool:
    """Whether no person is behind it. A POST of a script is of somebody who types."""
    if request.method not in ("GET", "HEAD"):
        return False
    return BY_ITSELF in request.GET or parts.is_of_a_script(request)


def signed_in(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """An open page asks before it sends a form; who is not signed in does not come here."""
    return HttpResponse("Signed in.\n", content_type="text/plain")


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
