"""Files sent to the admin hold a thread while they are read, so few are read at once."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from config.web.client_address import client_network
from subscribers import slots
from subscribers.whole_numbers import whole_number

PAGES = ("/admin/",)  # the API does so itself, once it knows the token
SMALL = 1024 * 1024  # bytes that no thread waits long for; forms without a file are far below


class FewUploads:
    """Stands behind sign-in, for one person has fewer places than all together, and before whatever
    reads the form: the protection against forged requests is the first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _is_large(request):
            return self._get_response(request)
        user = request.user.pk
        try:
            slot = slots.uploads.take(f"user {user}" if user else client_network(request))
        except slots.Busy as busy:
            return busy_page(busy)
        try:
            return self._get_response(request)
        finally:
            slot.release()


def _is_large(request: HttpRequest) -> bool:
    """Whether reading the body may take long: of unknown length, or longer than any form."""
    if request.method != "POST" or not request.path.startswith(PAGES):
        return False
    length = whole_number(request.META.get("CONTENT_LENGTH") or "0")
    chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    return chunked or length is None or length > SMALL


def busy_page(busy: slots.Busy) -> HttpResponse:
    """What is answered when all places are taken."""
    return HttpResponse(
        f"{busy}\n", status=busy.status, content_type="text/plain", headers=busy.headers
    )
