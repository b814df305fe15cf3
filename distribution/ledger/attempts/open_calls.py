"""Which failed deliveries may have arrived all the same: only the others may be sent again."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from distribution.models import Attempt, AttemptOutcome, Duplicate, Progress
from distribution.models.deliveries import DeliveryQuerySet

# Outcomes after which nothing can arrive.
DEFINITE = (AttemptOutcome.REJECTED, AttemptOutcome.NOT_SENT, AttemptOutcome.REPORTED)


def annotate(rows: DeliveryQuerySet) -> Any:
    """The same query with `recorded`, how many calls of each are on record.

    `Any`: the annotation is no attribute of Delivery's type.
    """
    calls = Attempt.objects.filter(delivery=OuterRef("pk")).order_by().values("delivery")
    recorded = calls.annotate(n=Count("attempt_id", distinct=True)).values("n")
    return rows.annotate(recorded=Coalesce(Subquery(recorded, output_field=IntegerField()), 0))


def may_have_arrived() -> Q:
    """For a query with `annotate`: one of its calls is without a record, or ended open."""
    calls = Attempt.objects.filter(delivery=OuterRef("pk"))
    ended = Attempt.objects.filter(attempt_id=OuterRef("attempt_id"), outcome__in=DEFINITE)
    open_calls = calls.exclude(outcome__in=DEFINITE).exclude(Exists(ended))
    return (
        Q(progress__gte=Progress.DELIVERED)
        | Q(ambiguous_no__gt=0)  # sent again after silence once: the first may have arrived
        | Q(Exists(open_calls))
        | Q(recorded__lt=F("attempt_no"))  # a call without a record
        | Q(Exists(Duplicate.objects.filter(delivery=OuterRef("pk"))))
    )
