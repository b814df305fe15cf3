"""Requests of scripts: their answer is put into an open page, so it is never a whole page.

htmx and XMLHttpRequest follow a redirect to the sign-in page and would put that page into the
middle of another, over what somebody is writing. They get a status that htmx does not swap, and one
line, which `config/static/config/session.js` shows. Our own calls of `fetch` do not follow
redirects and need nothing.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.html import format_html

from distribution.api.http import problems

SIGN_IN, CODE, SET_UP = "sign-in", "code", "set-up"  # what somebody has to do first
SIGNED_OUT = "You were signed out. Sign in in another tab, then save."
CODE_WANTED = "Enter your code in another tab, then save."
SET_UP_WANTED = "Set up two-factor authentication in another tab, then save."
SIGNED_IN_SINCE = "You have signed in again since this page was opened. Press the button again."
WANTED = {SIGN_IN: SIGNED_OUT, CODE: CODE_WANTED, SET_UP: SET_UP_WANTED}
LINES = {
    400: "The server could not read this. Reload the page.",
    401: SIGNED_OUT,
    403: "You don’t have permission to do this. Ask an administrator.",
    404: "This no longer exists. Go back to the list.",
    413: "This is too large for the server. Send less at once.",
    429: "Too many attempts. Wait a while and try again.",
}
ELSEWHERE = "This page has changed. Reload it."
BROKEN = "Something went wrong on the server and was reported. What you typed is still here."


def is_for_a_part(request: HttpRequest) -> bool:
    """Whether htmx or another script that follows redirects asks for a part of a page."""
    headers = request.headers
    if problems.is_api(request) or "HX-Boosted" in headers:
        return False
    return "HX-Request" in headers or headers.get("X-Requested-With") == "XMLHttpRequest"


def is_of_a_script(request: HttpRequest) -> bool:
    """Whether a script asks, and no person by a link, a form or the address bar."""
    return is_for_a_part(request) or request.headers.get("Sec-Fetch-Dest") == "empty"


def wanted_first(response: HttpResponseBase) -> str:
    """What the user is sent to do first: SIGN_IN, CODE, SET_UP, or '' for nothing."""
    steps = {
        resolve_url(settings.LOGIN_URL): SIGN_IN,
        reverse("second_factor"): CODE,
        reverse("second_factor_set_up"): SET_UP,
    }
    return steps.get(_target(response), "")


class PartsOnly(MiddlewareMixin):
    """Middleware: answers a script that would get a whole page with a status and one line."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not is_for_a_part(request):
            return response
        first = wanted_first(response)
        if first:
            return line(401, WANTED[first], response)
        if _target(response):
            return line(409, ELSEWHERE, response)
        status = response.status_code
        if status >= 400 and is_whole_page(response):
            return line(status, LINES.get(status, BROKEN if status >= 500 else ELSEWHERE), response)
        return response


def line(status: int, text: str, instead_of: HttpResponseBase | None = None) -> HttpResponse:
    """The short answer; cookies of the answer that it replaces are kept."""
    answer = HttpResponse(format_html('<p role="alert">{}</p>', text), status=status)
    answer["Cache-Control"] = "no-store"
    if instead_of is not None:
        answer.cookies = instead_of.cookies
    return answer


def is_whole_page(response: HttpResponseBase) -> bool:
    """Whether it is an HTML document, and not a piece of one, data or a file."""
    if not isinstance(response, HttpResponse):  # a stream: a file
        return False
    is_html = response.get("Content-Type", "").startswith("text/html")
    return is_html and b"<html" in response.content[:2000].lower()


def _target(response: HttpResponseBase) -> str:
    """The path of a redirect, without its query."""
    is_redirect = 300 <= response.status_code < 400
    return response.get("Location", "").partition("?")[0] if is_redirect else ""
