"""Ctrl-K: one box that finds pages, people, and what has one of WhatsApp's or our own ids.

What is typed is posted, never in an address: addresses end up in histories and logs, and a message
id contains the number. Results are masked, and what a user may not view is not looked for.
"""

from __future__ import annotations

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from unfold.dataclasses import SearchResult

from distribution.ledger.attempts import ids
from distribution.models import Attempt, Delivery
from subscribers.admin.person_actions import heading_of
from subscribers.consent.erased_phones import opaque_id
from subscribers.models import Subscriber
from subscribers.people import search as people_search

SHORTEST_NAME = 3  # characters: shorter ones find everybody
TERM_LIMIT = 512  # characters; a message id has about 60
PEOPLE_SHOWN, DELIVERIES_SHOWN = 8, 8
MESSAGE_ID = "wamid."


@require_http_methods(["GET", "POST"])
def view(request: HttpRequest) -> HttpResponse:
    """The results for Unfold's command box. A GET finds pages only."""
    posted = request.method == "POST"
    term = (request.POST if posted else request.GET).get("s", "").strip()[:TERM_LIMIT]
    if not term:
        return HttpResponse()
    results = [*_pages(request, term), *(found(request, term) if posted else ())]
    pages = Paginator(results, max(1, len(results)))
    context = {"results": pages.page(1), "page_obj": pages, "page_counter": 0, "execution_time": 0}
    return TemplateResponse(
        request,
        "unfold/helpers/command_results.html",
        {**context, "command_show_history": False},
        headers={"HX-Trigger": "search", "Cache-Control": "no-store"},
    )


def found(request: HttpRequest, term: str) -> list[SearchResult]:
    """People by name, phone or user id; deliveries by message id, attempt id or Meta's trace id."""
    results: list[SearchResult] = []
    if request.user.has_perm("distribution.view_delivery"):
        results += map(_delivery_result, _deliveries(term))
    if request.user.has_perm("subscribers.view_subscriber"):
        results += map(_person_result, _people(term))
    return results


def _pages(request: HttpRequest, term: str) -> list[SearchResult]:
    """Pages of the sidebar, by the names that they have there."""
    sidebar = admin.site.each_context(request)["sidebar_navigation"]
    return [
        SearchResult(
            title=str(item["title"]),
            description=str(section.get("title", "")),
            link=str(item["link_callback"]),
            icon=item["icon"],
        )
        for section in sidebar
        for item in section["items"]
        if item["has_permission"] and term.lower() in str(item["title"]).lower()
    ]


def _people(term: str) -> list[Subscriber]:
    is_id = people_search.is_tail(term) or people_search.by_id(Subscriber.objects.all(), term)
    if is_id is None and len(term) < SHORTEST_NAME:
        return []
    rows = people_search.search(Subscriber.objects.existing(), term)
    return list(rows.order_by("name", "pk")[:PEOPLE_SHOWN])


def _deliveries(term: str) -> list[Delivery]:
    rows = Delivery.objects.select_related("subscriber", "distribution").order_by("-pk")
    if term.startswith(MESSAGE_ID):
        rows = rows.filter(wamid__in=[term, opaque_id(term)])
    elif (key := ids.parse(term)) is not None:
        rows = rows.filter(pk=key.delivery_id)
    elif len(term) > SHORTEST_NAME and not term.isdigit() and " " not in term:
        rows = rows.filter(pk__in=Attempt.objects.filter(fbtrace_id=term).values("delivery"))
    else:
        return []
    return list(rows[:DELIVERIES_SHOWN])


def _person_result(person: Subscriber) -> SearchResult:
    return SearchResult(
        title=heading_of(person),
        description=_("Subscriber"),
        link=reverse("admin:subscribers_subscriber_change", args=[person.pk]),
        icon="person",
    )


def _delivery_result(delivery: Delivery) -> SearchResult:
    return SearchResult(
        title=_("Delivery to %(person)s") % {"person": heading_of(delivery.subscriber)},
        description=str(delivery.distribution),
        link=reverse("admin:distribution_delivery_change", args=[delivery.pk]),
        icon="mark_chat_read",
    )
