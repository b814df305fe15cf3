"""A form sent after the session ended, or with the token of an earlier session, is not lost.

Instead of the sign-in page or a refusal comes a page with what was typed, which is sent again after
signing in in another tab. Files and passwords are not kept: browsers give them only to the page
where they were chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException, UnreadablePostError
from django.middleware import csrf
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin

from config.staff import parts, second_factor
from config.staff.parts import CODE, SET_UP, SIGN_IN
from distribution.api.http import problems

# Reasons of Django's middleware that a person can be the cause of; the others say that another
# site sent the form.
OLD_TOKENS = (
    csrf.REASON_NO_CSRF_COOKIE,
    csrf.REASON_CSRF_TOKEN_MISSING,
    f"CSRF token from POST {csrf.REASON_INCORRECT_LENGTH}.",
    f"CSRF token from POST {csrf.REASON_INVALID_CHARACTERS}.",
    "CSRF token from POST incorrect.",
)
TECHNICAL = ("csrfmiddlewaretoken", "form_key", "next")
NEVER_KEPT = ("csrfmiddlewaretoken", "confirm_code")
OLD = "old"  # beside SIGN_IN, CODE and SET_UP: why a form is shown again
TITLES = {
    SIGN_IN: "You were signed out",
    CODE: "Enter your code first",
    SET_UP: "Set up two-factor authentication first",
    OLD: "You have signed in again",
}
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


class KeepForms(MiddlewareMixin):
    """Middleware: a form that would be answered with the sign-in page is shown to be sent again."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if request.method != "POST" or problems.is_api(request) or parts.is_for_a_part(request):
            return response
        why = parts.wanted_first(response)
        if (
            why not in (SIGN_IN, CODE, SET_UP)
            or is_sign_in(request.path)
            or not _is_form(request)
            or _is_foreign(request)
        ):
            return response
        page = _page(request, why, status=401)
        page.cookies.update(response.cookies)
        return page


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW."""
    if problems.is_api(request):
        return problems.response(403, "permission_denied")
    why = OLD if request.user.is_authenticated else SIGN_IN
    if step := second_factor.next_step(request):
        why = SET_UP if step == second_factor.SET_UP_VIEW else CODE
    if parts.is_for_a_part(request):
        return parts.line(403, parts.SIGNED_IN_SINCE if why == OLD else parts.SIGNED_OUT)
    is_own = reason in OLD_TOKENS and not _is_foreign(request)
    return _page(request, why, status=403, keep=is_own and not is_sign_in(request.path))


def is_sign_in(path: str) -> bool:
    """Whether the path is one of the pages for signing in or out, or for a new password."""
    names = ("second_factor", "second_factor_set_up", "admin:logout")
    pages = (resolve_url(settings.LOGIN_URL), *map(reverse, names))
    return path in pages or path.startswith(reverse("admin_password_reset"))


def _page(request: HttpRequest, why: str, *, status: int, keep: bool = True) -> HttpResponse:
    fields = kept_fields(request) if keep else []
    context = {
        **admin.site.each_context(request),
        "title": TITLES[why],
        "why": why,
        "address": request.get_full_path() if keep else "",
        "fields": fields,
        "typed": typed(fields),
        "files": bool(request.FILES) if keep else False,
        "place": request.get_full_path() if is_sign_in(request.path) else "",
    }
    page = render(request, "admin/kept_form.html", context, status=status)
    page["Cache-Control"] = "no-store"
    return page


def kept_fields(request: HttpRequest) -> list[tuple[str, str]]:
    """Names and values of the form, as they are sent again; without passwords and codes."""
    return list(_fields(request))


def typed(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What a person may want to see of them, by its label."""
    return [(_label(name), value) for name, value in fields if _is_typed(name, value)]


def _fields(request: HttpRequest) -> Iterator[tuple[str, str]]:
    for name, values in request.POST.lists():
        if name not in NEVER_KEPT and "password" not in name.lower():
            yield from ((name, str(value)) for value in values)


def _is_typed(name: str, value: str) -> bool:
    """Whether a person may want to see it: no button, key or count of the form itself."""
    return bool(value.strip()) and name not in TECHNICAL and not name.startswith(("_", "shown_"))


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _is_form(request: HttpRequest) -> bool:
    """Whether its fields can be read; a body that is too large or broken cannot."""
    if request.content_type not in FORM_TYPES:
        return False
    try:
        return bool(request.POST)
    except (MultiPartParserError, RawPostDataException, UnreadablePostError):
        return False


def _is_foreign(request: HttpRequest) -> bool:
    """Whether another site sent the form: its values must not be shown as the user's own."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.get_host()
