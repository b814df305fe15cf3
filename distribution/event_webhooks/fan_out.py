"""From the outbox to one copy for each listener. Failures are gathered and described first."""

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

MOST = 200  # events at a time
GATHER = timedelta(seconds=10)  # failures are told together with those that follow so soon
MOST_FAILURES = 500  # deliveries in one event


def spread(now: datetime) -> int:
    """Make the copies of what is new; how many. Any number of processes may do it at once."""
    if not OutgoingEvent.objects.filter(spread_at=None).exists():
        return 0  # without taking SQLite's only pen
    listeners = subscriptions.listening()
    made = 0
    while True:
        with transaction.atomic():
            events = _take(now)
            if not events:
                return made
            OutgoingEvent.objects.filter(pk__in=[one.pk for one in events]).update(spread_at=now)
            copies = _copies(events, listeners, now)
            EventDelivery.objects.bulk_create(copies, ignore_conflicts=True)
            made += len(copies)


def _take(now: datetime) -> list[OutgoingEvent]:
    """The next events that nobody was given, locked; gathered failures in their final form."""
    new = OutgoingEvent.objects.filter(spread_at=None).order_by("pk")
    rows = new.select_for_update(skip_locked=True)
    plain = list(rows.exclude(kind=EventKind.DELIVERIES_FAILED)[:MOST])
    failures = rows.filter(kind=EventKind.DELIVERIES_FAILED)
    return plain or _gathered(list(failures.filter(at__lte=now - GATHER)[:MOST]))


def _gathered(notes: list[OutgoingEvent]) -> list[OutgoingEvent]:
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
        for distribution, deliveries in _described(pks)
    ]
    OutgoingEvent.objects.filter(pk__in=[note.pk for note in notes]).delete()
    return OutgoingEvent.objects.bulk_create(events)


def _described(pks: Iterable[int]) -> Iterable[tuple[int, list[dict[str, Any]]]]:
    """By distribution, those that are failed still: a later word may have said otherwise."""
    failed = Delivery.objects.filter(pk__in=list(pks), state=State.FAILED).order_by("pk")
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    columns = ("pk", "distribution_id", "subscriber_id", "reason", "failed_code")
    for pk, distribution, subscriber, reason, code in failed.values_list(*columns):
        one = {"id": pk, "subscriber": subscriber, "reason": reason, "code": code}
        found[distribution].append(one)
    for distribution, deliveries in found.items():
        for start in range(0, len(deliveries), MOST_FAILURES):
            yield distribution, deliveries[start : start + MOST_FAILURES]


def _copies(
    events: Iterable[OutgoingEvent], listeners: Iterable[EventSubscription], now: datetime
) -> list[EventDelivery]:
    return [
        EventDelivery(event=event, subscription=listener, since=now, next_at=now)
        for event in events
        for listener in listeners
        if listener.wants(event.kind)
    ]
