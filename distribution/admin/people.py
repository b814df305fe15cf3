"""A person's page with what became of each message to them.

The subscribers know nothing of deliveries, so their admin is completed here, above both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.core.paginator import Page
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from distribution.models import Delivery
from distribution.reporting import subscriber_history
from distribution.runtime import india_time
from subscribers.admin.people import SubscriberAdmin
from subscribers.models import Erasure, Subscriber
from subscribers.people import erasure as erasing

NEVER, LONG = "never", "30-days-ago"
PERIODS = {"today": 0, "7-days": 7, "30-days": 30}
HISTORY_LIMIT = 1_000  # deliveries on the longest page: three years of mornings


class LastDeliveredFilter(admin.SimpleListFilter):
    """When WhatsApp last delivered something to the person."""

    title = "last delivered"
    parameter_name = "delivered"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("today", "Today"),
            ("7-days", "In the last 7 days"),
            ("30-days", "In the last 30 days"),
            (LONG, "Longer ago than 30 days"),
            (NEVER, "Never"),
        ]

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[Subscriber]
    ) -> QuerySet[Subscriber]:
        choice, now = self.value(), timezone.now()
        if choice in PERIODS:
            return queryset.filter(
                _delivered_since(_midnight(now) - timedelta(days=PERIODS[choice]))
            )
        if choice == LONG:
            month = _midnight(now) - timedelta(days=30)
            return queryset.filter(_delivered_since(None)).exclude(_delivered_since(month))
        return queryset.exclude(_delivered_since(None)) if choice == NEVER else queryset


class PersonAdmin(SubscriberAdmin):
    list_display = (
        *("masked_phone", "name", "tier", "status", "language"),
        *("last_delivered", "updated_at"),
    )
    list_filter = ("status", "tier", "language", LastDeliveredFilter)
    change_form_outer_before_template = "admin/subscribers/subscriber/story.html"

    @admin.display(description="last delivered")
    def last_delivered(self, subscriber: Subscriber) -> datetime | None:
        return getattr(subscriber, "delivered_last", None)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list, with one query more for the page's people and not one for each."""
        changes = super().get_changelist_instance(request)
        people: Sequence[Subscriber] | Page[Subscriber] = list(changes.result_list)
        latest = subscriber_history.last_delivered(one.pk for one in people)
        for one in people:
            one.delivered_last = latest.get(one.pk)  # type: ignore[attr-defined]
        changes.result_list = people
        return changes

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        more = extra_context or {}
        if object_id.isdecimal() and self.has_view_permission(request):
            more = {**more, **_history_context(int(object_id), everything="all" in request.GET)}
        return super().change_view(request, object_id, form_url, more)


def _history_context(subscriber_id: int, *, everything: bool) -> dict[str, Any]:
    now = timezone.now()
    limit = HISTORY_LIMIT if everything else subscriber_history.SHOWN
    today = india_time.local_date(now)
    sentences = subscriber_history.deliveries_of(subscriber_id, today=today, limit=limit)
    total = Delivery.objects.filter(subscriber_id=subscriber_id).count()
    erasure = Erasure.objects.filter(subscriber=subscriber_id).select_related("subscriber").first()
    return {
        "sentences": sentences,
        "deliveries_total": total,
        "deliveries_left": total - len(sentences),
        "erasure": erasure,
        "erasure_objection": erasing.objection(erasure, now=now) if erasure else "",
    }


def _delivered_since(since: datetime | None) -> Exists:
    return Exists(subscriber_history.delivered_since(since).filter(subscriber=OuterRef("pk")))


def _midnight(now: datetime) -> datetime:
    return india_time.local_datetime(india_time.local_date(now), time.min)


admin.site.unregister(Subscriber)
admin.site.register(Subscriber, PersonAdmin)
