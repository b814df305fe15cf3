"""Which parameters the address of an admin list may have.

Django lets an address look up any column of the model by any operator. A pattern over the phone
would tell a masked number digit by digit, a regular expression can keep SQLite busy for minutes,
and operators with operands of the wrong shape end in a 500.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.core.exceptions import BadRequest
from django.http import HttpRequest

# Of every list: page, order, search, error, all rows, counts, and what pop-ups and links carry.
OF_EVERY_LIST = {"p", "o", "q", "e", "all", "_facets", "_popup", "_to_field"}
# By what the filters of Django and of the theme link to.
ENDINGS = ("", "__exact", "__id__exact", "__isnull", "__gte", "__gt", "__lte", "__lt")
PARTS_OF_DATES = ("__year", "__month", "__day", "__gte", "__lt")
PAGES = ("_changelist", "_export")
UNKNOWN = "This list has no filter “{}”. Choose one of its filters, or search."


def refuse_others(request: HttpRequest) -> None:
    """BadRequest for a parameter that the list of this address does not offer."""
    match = request.resolver_match
    name = match.url_name if match and match.namespace == "admin" else None
    if not request.GET or not name or not name.endswith(PAGES):
        return
    model_name = name.rpartition("_")[0]
    for model, model_admin in admin.site._registry.items():
        if f"{model._meta.app_label}_{model._meta.model_name}" == model_name:
            known = OF_EVERY_LIST | set(_offered(model_admin, request))
            for parameter in request.GET:
                if parameter not in known:
                    raise BadRequest(UNKNOWN.format(parameter[:50]))


def _offered(model_admin: ModelAdmin[Any], request: HttpRequest) -> Iterator[str]:
    for one in model_admin.get_list_filter(request):
        first = one[0] if isinstance(one, tuple | list) else one
        if isinstance(first, str):
            yield from (f"{first}{ending}" for ending in ENDINGS)
        else:
            yield str(getattr(first, "parameter_name", ""))
    if model_admin.date_hierarchy:
        yield from (f"{model_admin.date_hierarchy}{part}" for part in PARTS_OF_DATES)
