"""Rules that no two rows are alike in a column or a pair of columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, Min, QuerySet

from distribution.ledger.integrity.rules import Rule
from distribution.models import Delivery, Distribution, Kind


def rules(deliveries: QuerySet[Delivery], distributions: QuerySet[Distribution]) -> Iterator[Rule]:
    """Constraints guard these, too: a dropped or damaged index shows here."""
    yield Rule(
        "one_delivery_a_person",
        "Nobody is owed one distribution twice.",
        _repeated(deliveries, "distribution_id", "subscriber_id"),
        key="first",
    )
    yield Rule(
        "one_delivery_a_phone",
        "No phone is owed one distribution twice.",
        _repeated(deliveries, "distribution_id", "phone"),
        key="first",
    )
    yield Rule(
        "one_delivery_a_message",
        "One message id belongs to one delivery.",
        _repeated(deliveries.exclude(wamid=None), "wamid"),
        key="first",
    )
    yield Rule(
        "one_daily_a_day",
        "There is one daily distribution a day.",
        _repeated(distributions.filter(kind=Kind.DAILY), "local_date"),
        of="distribution",
        key="first",
    )


def _repeated(rows: QuerySet[Any, Any], *columns: str) -> QuerySet[Any, Any]:
    """One row per value that several rows share; `first` is the lowest id among them."""
    groups = rows.order_by().values(*columns).annotate(rows=Count("pk"), first=Min("pk"))
    repeated: QuerySet[Any, Any] = groups.filter(rows__gt=1)
    return repeated
