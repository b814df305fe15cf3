"""A search for a number or a user id is posted, and its result's address names rows, not numbers.

Addresses end up in browsers' histories, access logs and error reports.
"""

from __future__ import annotations

import re
from typing import Any

from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin

from subscribers.models import Subscriber
from subscribers.people.search import by_id, is_tail

ROWS_LIMIT = 100  # named in one address: a phone or a user id has one or two
_FOUND = re.compile(r"~(?:\d{1,18}(?:\.\d{1,18})*)?")


def is_result(term: str) -> bool:
    """Whether it names the rows that a posted search found."""
    return _FOUND.fullmatch(term) is not None


class NumberSearch(ModelAdmin):
    """The search of a list; `found_field` is the column by which its results are named."""

    search_is_posted = True  # `admin/search_form.html` reads it
    found_field = "pk"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method == "POST" and SEARCH_VAR in request.POST and "action" not in request.POST:
            return HttpResponseRedirect(self._result_address(request))
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def rows_of(self, term: str) -> QuerySet[Any] | None:
        """What has this number or user id; None when it is neither."""
        return by_id(Subscriber.objects.all(), term)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not is_result(search_term):
            return super().get_search_results(request, queryset, search_term)
        pks = [int(pk) for pk in search_term[1:].split(".") if pk]
        return queryset.filter(**{f"{self.found_field}__in": pks[:ROWS_LIMIT]}), False

    def _result_address(self, request: HttpRequest) -> str:
        query = request.POST.copy()
        query.pop("csrfmiddlewaretoken", None)
        term = str(query[SEARCH_VAR]).strip()
        rows = None if is_tail(term) else self.rows_of(term)
        if rows is not None:
            pks = rows.order_by("pk").values_list("pk", flat=True)[:ROWS_LIMIT]
            query[SEARCH_VAR] = "~" + ".".join(map(str, pks))
        return f"{request.path}?{query.urlencode()}"
