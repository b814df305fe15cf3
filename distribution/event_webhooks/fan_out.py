"""Copy events from the outbox for each subscription. Failed deliveries are merged first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from distribution.event_webhooks import subscriptions
from distribution.models import (
    Delivery,
    EventDelivery,
    EventKind,
    EventSubscription,
    OutgoingEvent,
    State,
)
from distribution.models.outgoing import new_uid

EVENTS_PER_TRANSACTION = 200
GATHERING_TIME = timedelta(seconds=10)  # failures within it become one event
FAILURES_PER_EVENT = 500  # deliveries


def fan_out(now: datetime) -> int:
    """Copy the new events; how many copies. Several processes may call it at once."""
    if not OutgoingEvent.objects.filter(spread_at=None).exists():
        return 0  # without SQLite's only write lock
    subscribers = subscriptions.active()
    made = 0
    while True:
        with transaction.atomic():
            events = _take(now)
            if not events:
                return made
            OutgoingEvent.objects.filter(pk__in=[event.pk for event in events]).update(
                spread_at=now
            )
            copies = _copies(events, subscribers, now)
            EventDelivery.objects.bulk_create(copies, ignore_conflicts=True)
            made += len(copies)


def _take(now: datetime) -> list[OutgoingEvent]:
    """The next events without copies, locked; failed deliveries in merged form."""
    new = OutgoingEvent.objects.filter(spread_at=None).order_by("pk")
    rows = new.select_for_update(skip_locked=True)
    plain = list(rows.exclude(kind=EventKind.DELIVERIES_FAILED)[:EVENTS_PER_TRANSACTION])
    failures = rows.filter(kind=EventKind.DELIVERIES_FAILED)
    return plain or _merge_failures(
        list(failures.filter(at__lte=now - GATHERING_TIME)[:EVENTS_PER_TRANSACTION])
    )


def _merge_failures(notes: list[OutgoingEvent]) -> list[OutgoingEvent]:
    """One event for each distribution and 500 deliveries instead of one for each batch."""
    if not notes:
        return []
    pks = {pk for note in notes for pk in note.data.get("gather", ())}
    moment = max(note.at for note in notes)
    events = [
        OutgoingEvent(
            uid=new_uid(),
            kind=EventKind.DELIVERIES_FAILED,
            subject=f"distribution {distribution}",
            data={"distribution": {"id": distribution}, "deliveries": deliveries},
            at=moment,
        )
        for distribution, deliveries in _failures_by_distribution(pks)
    ]
    OutgoingEvent.objects.filter(pk__in=[note.pk for note in notes]).delete()
    return OutgoingEvent.objects.bulk_create(events)


def _failures_by_distribution(pks: Iterable[int]) -> Iterable[tuple[int, list[dict[str, Any]]]]:
    """Those still failed, by distribution: a later report may have changed them."""
    failed = Delivery.objects.filter(pk__in=list(pks), state=State.FAILED).order_by("pk")
    failures: dict[int, list[dict[str, Any]]] = defaultdict(list)
    columns = ("pk", "distribution_id", "subscriber_id", "reason", "failed_code")
    for pk, distribution, subscriber, reason, code in failed.values_list(*columns):
        failure = {"id": pk, "subscriber": subscriber, "reason": reason, "code": code}
        failures[distribution].append(failure)
    for distribution, deliveries in failures.items():
        for start in range(0, len(deliveries), FAILURES_PER_EVENT):
            yield distribution, deliveries[start : start + FAILURES_PER_EVENT]


def _copies(
    events: Iterable[OutgoingEvent], subscribers: Iterable[EventSubscription], now: datetime
) -> list[EventDelivery]:
    return [
        EventDelivery(event=event, subscription=subscriber, since=now, next_at=now)
        for event in events
        for subscriber in subscribers
        if subscriber.wants(event.kind)
    ]
