"""No parameter of a page breaks it: filters, orders, pages and lookups that are none."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin

from tests.admin.routes import MAKERS
from tests.hostile.asking import Asking
from tests.hostile.values import VALUES, each, share

pytestmark = [pytest.mark.django_db, pytest.mark.each_database]
LOOKUPS = ("", "__exact", "__gte", "__lt", "__isnull", "__regex")
OF_LISTS = ("p", "o", "q", "e", "all", "_facets", "_popup", "_to_field", "_changelist_filters")
OTHERS: dict[str, tuple[str, ...]] = {
    "/admin/": ("x", "next"),
    "/admin/distribution/content/calendar/": ("month", "day"),
    "/admin/distribution/content/queue/": ("person", "after", "language"),
    "/admin/distribution/content/add/": ("day", "fallback", "message_template", "person", "after"),
    "/admin/distribution/delivery/export/": ("distribution", "state", "reason", "q"),
    "/admin/distribution/onetime/add/": ("at", "content"),
    "/admin/subscribers/subscriber/add/": ("phone", "tier", "attributes"),
    "/admin/search/": ("s", "q", "extended", "page"),
    "/admin/autocomplete/": ("app_label", "model_name", "field_name", "term"),
    "/admin/login/": ("next",),
    "/dashboard/": ("id", "distribution", "page"),
    "/dashboard/board/": ("id", "distribution", "page"),
    "/metrics": ("x",),
    "/health/ready": ("x",),
    "/webhooks/whatsapp": ("hub.mode", "hub.challenge", "hub.verify_token"),
}
VALUES_EACH = 4  # of each parameter of a list: it takes all of them only with those of the others


def parameters(model: Any, page: Any) -> list[str]:
    """The names that the list of a model may know, and some that it does not."""
    names = {f"{field.name}{lookup}" for field in model._meta.fields for lookup in LOOKUPS}
    for one in page.list_filter:
        name = one if isinstance(one, str) else one[0] if isinstance(one, tuple) else ""
        names |= {f"{name}__id__exact", f"{name}__isnull"} if name else {one.parameter_name}
    if page.date_hierarchy:
        names |= {f"{page.date_hierarchy}__{part}" for part in ("year", "month", "day")}
    return [*OF_LISTS, *sorted(names)]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "model", sorted(admin.site._registry, key=str), ids=lambda model: model._meta.label_lower
)
def test_no_parameter_of_a_list_breaks_it(model: Any) -> None:
    MAKERS[f"{model._meta.app_label}_{model._meta.model_name}"]()
    asking, values = Asking(), cycle(VALUES)
    url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    for name in parameters(model, admin.site._registry[model]):
        for value in islice(values, each(VALUES_EACH)):
            asking.ask("get", f"{url}?{urlencode({name: value})}")
        next(values)  # so that the next parameter begins elsewhere
    assert asking.verdict() == {}


@pytest.mark.parametrize("path", sorted(OTHERS))
def test_no_parameter_of_another_page_breaks_it(path: str) -> None:
    asking = Asking()
    for turn, name in enumerate(OTHERS[path]):
        for value in share(VALUES, turn):
            asking.ask("get", f"{path}?{urlencode({name: value})}")
    assert asking.verdict() == {}


@pytest.mark.parametrize(
    "query",
    ["phone__startswith=%2B9198", "name__regex=(", "bogus=1", "events__at=1", "id=1"],
)
def test_what_a_list_does_not_offer_is_refused_by_its_name(query: str) -> None:
    answer = Asking().client.get(f"/admin/subscribers/subscriber/?{query}")
    assert answer.status_code == 400
    assert f"has no filter “{query.partition('=')[0]}”" in answer.content.decode()


@pytest.mark.parametrize(
    "query", ["status__exact=ACTIVE", "delivered=never", "q=asha", "o=-1", "p=1", "all="]
)
def test_what_a_list_offers_is_taken(query: str) -> None:
    assert Asking().client.get(f"/admin/subscribers/subscriber/?{query}").status_code == 200


@pytest.mark.parametrize("query", ["q=1%00", "q=%00", "%00=1", "p=1%00"])
def test_a_nul_in_an_address_is_refused_with_what_to_do(query: str) -> None:
    answer = Asking().client.get(f"/admin/subscribers/subscriber/?{query}")
    assert answer.status_code == 400
    assert "Remove %00" in answer.content.decode()
