"""Sends users who have signed in to a page, never to an address that is not one.

`next` may name a fragment that a script of an open page requested, or the address of a form.
Opened directly it would show a fragment, raw data or "method not allowed"; the page above it
opens instead.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import Resolver404, resolve
from django.utils.deprecation import MiddlewareMixin

from config.staff import kept_forms, parts

ARRIVING = "arriving_at"


class Arrivals(MiddlewareMixin):
    """Middleware: the first address after the sign-in pages is a page."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        location = response.get("Location", "")
        if kept_forms.is_sign_in(request.path):
            if location.startswith("/") and not kept_forms.is_sign_in(location.partition("?")[0]):
                request.session[ARRIVING] = location.partition("?")[0]
            return response
        if request.method != "GET" or parts.is_of_a_script(request) or not _may_arrive(request):
            return response
        if request.session.get(ARRIVING) != request.path or parts.wanted_first(response):
            return response
        del request.session[ARRIVING]
        is_file = "Content-Disposition" in response
        if location or is_file or (response.status_code != 405 and parts.is_whole_page(response)):
            return response
        return HttpResponseRedirect(page_above(request.path))


def page_above(path: str) -> str:
    """The nearest address above it that is one of ours."""
    while path.strip("/"):
        path = path.rstrip("/").rpartition("/")[0] + "/"
        try:
            resolve(path)
        except Resolver404:
            continue
        return path
    return "/admin/"


def _may_arrive(request: HttpRequest) -> bool:
    return request.path.startswith(("/admin/", "/dashboard/"))
