"""Addresses of pages that hold what no record has: answered with a sentence, never with a 500."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from config.web import error_pages, few_uploads, offered_filters
from subscribers import slots
from subscribers.whole_numbers import whole_number

log = logging.getLogger(__name__)

PAGES = ("/admin/", "/dashboard/")
# The places of ids in the paths of pages. All tables there have whole numbers as keys.
ID_PLACES = ("object_id", "id", "pk", "content_type_id")
NO_RECORD = "This record does not exist. Ids are whole numbers. Look for it in its list."
NUL = "This address contains a NUL character. Remove %00 from it."
NO_CHOICE = "The selected rows could not be read. Select them in the list again."
OUT_OF_RANGE = (
    "This address or form contains a value that cannot be looked up, such as a number that is too "
    "large. Go back and choose another."
)


class ReadableAddresses(MiddlewareMixin):
    """The API checks its own addresses and bodies, field by field."""

    def process_view(
        self, request: HttpRequest, _view: Any, _args: Any, places: dict[str, Any]
    ) -> None:
        """Refuse ids that no record has, and characters that no database keeps."""
        if not request.path.startswith(PAGES):
            return
        for name in ID_PLACES:
            if name in places and whole_number(str(places[name])) is None:
                raise Http404(NO_RECORD)
        if any("\x00" in text for name, texts in request.GET.lists() for text in (name, *texts)):
            raise BadRequest(NUL)
        offered_filters.refuse_others(request)
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME) if request.method == "POST" else []
        if any(whole_number(text) is None for text in chosen):
            raise BadRequest(NO_CHOICE)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Django's lists look up what an address says; the database tells that it cannot.

        Both are raised for values out of range only: SQLite's driver raises the one, PostgreSQL
        the other.
        """
        if isinstance(error, slots.Busy):
            return few_uploads.busy_page(error)
        if not request.path.startswith(PAGES) or not isinstance(error, DataError | OverflowError):
            return None
        log.warning("%s %s: %s", request.method, request.path, type(error).__name__)
        return error_pages.bad_request(request, BadRequest(OUT_OF_RANGE))
