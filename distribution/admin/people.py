"""A subscriber's page with the outcome of each message.

The app of the subscribers does not import deliveries, so this app completes its pages.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from distribution.admin.added_figures import AddedFigures
from distribution.models import Delivery
from distribution.reporting import subscriber_history
from distribution.runtime import india_time
from subscribers import shown_part
from subscribers.admin.notes import notes_context
from subscribers.admin.people import SubscriberAdmin
from subscribers.admin.replies import shown_text
from subscribers.identity.display import identities_of
from subscribers.models import FULL_PHONE, Erasure, Reply, Subscriber
from subscribers.people import erasure as erasing
from subscribers.shown_part import Part

NEVER, LONG = "never", "30-days-ago"
REPLIES_SHOWN = 20  # of one person on their page
PERIOD_DAYS = {"today": 0, "7-days": 7, "30-days": 30}


class LastDeliveredFilter(admin.SimpleListFilter):
    """When a message to the person was last delivered."""

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

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Subscriber]) -> Any:
        choice, now = self.value(), timezone.now()
        if choice in PERIOD_DAYS:
            since = _midnight(now) - timedelta(days=PERIOD_DAYS[choice])
            return queryset.filter(_delivered_since(since))
        if choice == LONG:
            month = _midnight(now) - timedelta(days=30)
            return queryset.filter(_delivered_since(None)).exclude(_delivered_since(month))
        return queryset.exclude(_delivered_since(None)) if choice == NEVER else queryset


@admin.register(Subscriber)
class SubscriberHistoryAdmin(AddedFigures, SubscriberAdmin):
    list_display = (
        "masked_phone",
        "name",
        "tier",
        "status",
        "language",
        "last_delivered",
        "updated_at",
    )
    list_filter = ("status", "tier", "language", LastDeliveredFilter)
    change_form_outer_before_template = "admin/subscribers/subscriber/message_history.html"

    @admin.display(description="last delivered")
    def last_delivered(self, subscriber: Subscriber) -> datetime | None:
        return getattr(subscriber, "delivered_last", None)

    def add_to_rows(self, rows: list[Any]) -> None:
        latest = subscriber_history.last_delivered(row.pk for row in rows)
        for row in rows:
            row.delivered_last = latest.get(row.pk)

    def page_figures(self, request: HttpRequest, pk: int) -> dict[str, Any]:
        may_see = request.user.has_perm(FULL_PHONE)
        person = Subscriber.objects.filter(pk=pk).first()
        return {
            **_history_context(pk, start=shown_part.start_of(request)),
            "identities": identities_of(person, in_full=may_see) if person else [],
            **_replies_context(pk),
            **notes_context(request, person),
            "may_note": person is not None and self.has_change_permission(request, person),
        }


def _history_context(subscriber_id: int, *, start: int) -> dict[str, Any]:
    now = timezone.now()
    today, limit = india_time.local_date(now), subscriber_history.DELIVERIES_SHOWN
    entries = subscriber_history.deliveries_of(subscriber_id, today=today, limit=limit, skip=start)
    total = Delivery.objects.filter(subscriber_id=subscriber_id).count()
    erasure = Erasure.objects.filter(subscriber=subscriber_id).select_related("subscriber").first()
    return {
        "entries": entries,
        "part": Part(entries, start, total, limit),
        "removed_until": subscriber_history.removed_until(),
        "erasure": erasure,
        "erasure_objection": erasing.objection(erasure, now=now) if erasure else "",
    }


def _replies_context(subscriber_id: int) -> dict[str, Any]:
    rows = Reply.objects.filter(subscriber=subscriber_id)
    shown = [(row.at, shown_text(row)) for row in rows[:REPLIES_SHOWN]]
    return {"replies": shown, "replies_total": rows.count()}


def _delivered_since(since: datetime | None) -> Exists:
    return Exists(subscriber_history.delivered_since(since).filter(subscriber=OuterRef("pk")))


def _midnight(now: datetime) -> datetime:
    return india_time.local_datetime(india_time.local_date(now), time.min)
