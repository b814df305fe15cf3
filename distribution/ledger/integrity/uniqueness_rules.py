"""Rules that no two rows are alike in a column or a pair of columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet

from distribution.ledger.integrity.rules import Rule
from distribution.ledger.same_content import same
from distribution.models import Delivery, Distribution, Kind, State
from distribution.runtime import partitions


def rules(
    deliveries: QuerySet[Delivery], distributions: QuerySet[Distribution], *, of_one: bool
) -> Iterator[Rule]:
    """Constraints guard these, too: a dropped or damaged index shows here. In partitions a message
    id is unique in a distribution only: one distribution's ids are looked for in the others."""
    with_id = deliveries.exclude(wamid=None)
    elsewhere = of_one and partitions.is_partitioned()
    yield Rule(
        "one_delivery_a_person",
        "Nobody has two deliveries of one distribution.",
        _repeated(deliveries, "distribution_id", "subscriber_id"),
        key="first",
    )
    yield Rule(
        "one_delivery_a_phone",
        "No phone has two deliveries of one distribution.",
        _repeated(deliveries, "distribution_id", "phone"),
        key="first",
    )
    yield Rule(
        "one_delivery_a_message",
        "Each message id belongs to one delivery.",
        _with_anothers_id(deliveries) if elsewhere else _repeated(with_id, "wamid"),
        key="pk" if elsewhere else "first",
    )
    yield Rule(
        "one_daily_a_day",
        "There is one daily distribution per day.",
        _repeated(distributions.filter(kind=Kind.DAILY), "local_date"),
        of="distribution",
        key="first",
    )
    yield Rule(
        "same_content_once_a_day",
        "Nobody gets the same content twice on a day, unless a person gave a reason.",
        _received_twice(deliveries, distributions),
    )


def _with_anothers_id(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    others = Delivery.objects.filter(wamid=OuterRef("wamid")).exclude(pk=OuterRef("pk"))
    return deliveries.filter(Exists(others), wamid__isnull=False)


def _received_twice(
    deliveries: QuerySet[Delivery], distributions: QuerySet[Distribution]
) -> QuerySet[Delivery]:
    """Deliveries of content that the person had by an earlier distribution of the day."""
    twice = Q(pk__in=[])
    for later, earlier in _with_earlier_ones(distributions):
        theirs = Delivery.objects.filter(
            distribution__in=earlier, phone=OuterRef("phone"), state=State.ACCEPTED
        )
        twice |= Q(Exists(theirs), distribution=later)
    return deliveries.filter(twice, state=State.ACCEPTED)


def _with_earlier_ones(
    distributions: QuerySet[Distribution],
) -> Iterator[tuple[int, list[int]]]:
    """Distributions that nobody gave a reason to repeat, each with the earlier ones of its day."""
    opened = Distribution.objects.exclude(opened_at=None).exclude(content=None)
    days = opened.order_by().values("local_date").annotate(rows=Count("pk")).filter(rows__gt=1)
    busy = opened.filter(local_date__in=days.values("local_date")).select_related("content")
    checked = set(distributions.filter(again_reason="").values_list("pk", flat=True))
    by_day: dict[date, list[Distribution]] = {}
    for row in busy.order_by("opened_at", "pk"):
        before = by_day.setdefault(row.local_date, [])
        earlier = [other.pk for other in before if same(other.content, row.content)]
        if earlier and row.pk in checked:
            yield row.pk, earlier
        before.append(row)


def _repeated(rows: QuerySet[Any, Any], *columns: str) -> QuerySet[Any, Any]:
    """One row per value that several rows share; `first` is the lowest id among them."""
    groups = rows.order_by().values(*columns).annotate(rows=Count("pk"), first=Min("pk"))
    repeated: QuerySet[Any, Any] = groups.filter(rows__gt=1)
    return repeated
