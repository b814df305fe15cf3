"""The sign-in form: one sentence for one mistake, and how many tries are left near the lock."""

from __future__ import annotations

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.forms import AuthenticationForm

WARNED_FROM = 2  # tries left


class SignInForm(AuthenticationForm):  # type: ignore[misc]  # the package has no types
    """Unfold's form with our sentences. Its template asks it whether a password can be reset."""

    error_messages = {
        "invalid_login": gettext_lazy("Incorrect user name or password."),
        "inactive": gettext_lazy("Incorrect user name or password."),
    }

    @property
    def offers_reset(self) -> bool:
        return bool(settings.EMAIL_ENABLED)

    def get_invalid_login_error(self) -> ValidationError:
        words = str(self.error_messages["invalid_login"])
        left = self._tries_left()
        if 0 < left <= WARNED_FROM:
            words += " " + ngettext(
                "One try left before signing in is locked for %(time)s.",
                "%(left)d tries left before signing in is locked for %(time)s.",
                left,
            ) % {"left": left, "time": cooloff_words()}
        return ValidationError(words, code="invalid_login")

    def _tries_left(self) -> int:
        credentials = {"username": self.cleaned_data.get("username", "")}
        failures = AxesProxyHandler.get_failures(self.request, credentials)
        return int(settings.AXES_FAILURE_LIMIT) - int(failures)


def cooloff_words() -> str:
    """How long a lock lasts, in words."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    if seconds < 60:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    minutes = -(-seconds // 60)
    if minutes < 120:
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    hours = -(-minutes // 60)
    return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}


def locked_out(
    request: HttpRequest, _response: HttpResponse | None, _credentials: dict[str, Any] | None
) -> HttpResponse:
    """The page of somebody who is locked out; axes asks for it."""
    context = {
        **admin.site.each_context(request),
        "title": _("Sign-in locked"),
        "time": cooloff_words(),
        "offers_reset": settings.EMAIL_ENABLED,
    }
    return render(request, "admin/locked_out.html", context, status=429)
