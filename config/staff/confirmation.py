"""Before a sensitive act (`sensitive_acts.py`) somebody confirms that it is they.

A session that was left open, or a stolen cookie, is not enough for those: they need the password
and the present code, given at most MINUTES ago. The page that asks keeps what was typed, and its
form goes on to where the first one was sent. A completed sign-in counts as a confirmation.
"""

from __future__ import annotations

from typing import Any

import django_otp
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext, gettext_lazy

from config.staff import kept_forms, parts, second_factor, sensitive_acts
from config.staff.sessions import CONFIRMED

PASSWORD, CODE, READS = "confirm_password", "confirm_code", "confirm_reads"
WRONG = gettext_lazy("Incorrect password or code. A code works once and changes every 30 seconds.")
IN_ANOTHER_TAB = gettext_lazy("Your password is needed again. Open this page again.")


class Confirmation(MiddlewareMixin):
    """Middleware: asks for password and code before a sensitive act that nobody confirmed."""

    def process_view(
        self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        user = request.user
        act = sensitive_acts.act_of(request)
        if act is None or not (isinstance(user, User) and user.is_staff) or is_recent(request):
            return None
        if second_factor.next_step(request):  # the sign-in itself is not complete
            return None
        if parts.is_for_a_part(request):
            return parts.line(401, str(IN_ANOTHER_TAB))
        error = ""
        if PASSWORD in request.POST:
            if _is_right(request, user):
                return _go_on(request)
            error = str(WRONG)
        return _page(request, user, act, error)


def is_recent(request: HttpRequest) -> bool:
    """Whether password and code were given within the last MINUTES."""
    at = request.session.get(CONFIRMED, 0)
    return bool(0 <= timezone.now().timestamp() - at <= sensitive_acts.MINUTES * 60)


def needs_code(user: User) -> bool:
    """Whether the user has a second factor that counts."""
    return settings.TWO_FACTOR != "off" and bool(django_otp.user_has_device(user))


def _is_right(request: HttpRequest, user: User) -> bool:
    """Check both. Wrong ones count and are logged like those of the sign-in."""
    password = request.POST.get(PASSWORD, "")
    found = authenticate(request, username=user.get_username(), password=password)
    if found is None or found.pk != user.pk:
        return False
    if needs_code(user) and not second_factor.matches(request, user, request.POST.get(CODE, "")):
        return False
    request.session[CONFIRMED] = timezone.now().timestamp()
    return True


def _go_on(request: HttpRequest) -> HttpResponse | None:
    """The act itself, as it was first sent."""
    if READS in request.POST:
        return HttpResponseRedirect(request.get_full_path())
    typed = request.POST.copy()
    for name in (PASSWORD, CODE):
        typed.pop(name, None)
    request.POST = typed  # type: ignore[assignment]  # as Django's own setter takes it
    return None


def _page(request: HttpRequest, user: User, act: sensitive_acts.Act, error: str) -> HttpResponse:
    reads = request.method != "POST" or READS in request.POST
    fields = [(READS, "1")] if reads else kept_forms.kept_fields(request)
    context = {
        **admin.site.each_context(request),
        "title": gettext("Confirm it’s you"),
        "act": act,
        "minutes": sensitive_acts.MINUTES,
        "address": request.get_full_path(),
        "fields": fields,
        "typed": [] if reads else kept_forms.typed(fields),
        "needs_code": needs_code(user),
        "error": error,
    }
    page = render(request, "admin/confirm_identity.html", context, status=401)
    page["Cache-Control"] = "no-store"
    return page
