"""Who received messages at a moment that is past, as far as it differs from now.

An audience is fixed at its opening and frozen slice by slice. Whoever joins or leaves in those
seconds is found by the events stored since: by their keys, so that no clock is asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from subscribers.consent.status_rule import status_from_events
from subscribers.models import ConsentEvent, Status, Subscriber, SubscriberQuerySet

Kind = ConsentEvent.Kind
LEAVING = (Kind.OPT_OUT, Kind.PAUSE, Kind.UNREACHABLE)


@dataclass(frozen=True, slots=True)
class Moment:
    """The highest keys that were stored."""

    subscriber: int
    event: int


def this_moment() -> Moment:
    """Two looks at the ends of indexes."""
    people = Subscriber.objects.aggregate(last=Max("pk"))["last"]
    events = ConsentEvent.objects.aggregate(last=Max("pk"))["last"]
    return Moment(people or 0, events or 0)


def joined_since(moment: Moment) -> set[int]:
    """Who receives messages now and was known, but did not receive any, at that moment."""
    people = _decided_since(moment).filter(status=Status.ACTIVE)
    ids = set(people.values_list("pk", flat=True))
    return ids - _were_active(ids, moment)


def left_since(moment: Moment) -> set[int]:
    """Who received messages at that moment and does not now."""
    people = _decided_since(moment, kind__in=LEAVING).exclude(status=Status.ACTIVE)
    return _were_active(set(people.values_list("pk", flat=True)), moment)


def _decided_since(moment: Moment, **only: object) -> SubscriberQuerySet:
    events = ConsentEvent.objects.filter(pk__gt=moment.event, **only)
    return Subscriber.objects.filter(pk__lte=moment.subscriber, pk__in=events.values("subscriber"))


def _were_active(ids: Collection[int], moment: Moment) -> set[int]:
    """Those of them who received messages at that moment. Without an event before it, they did:
    rows may be older than the events."""
    latest: dict[int, dict[str, datetime]] = defaultdict(dict)
    events = ConsentEvent.objects.filter(subscriber__in=list(ids), pk__lte=moment.event).order_by()
    for pk, kind, at in events.values_list("subscriber_id", "kind").annotate(Max("at")):
        latest[pk][kind] = at
    return {pk for pk in ids if status_from_events(Status.ACTIVE, latest[pk]) == Status.ACTIVE}
