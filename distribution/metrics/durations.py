"""How long calls and deliveries took, in the buckets of a histogram, by phone number.

This groups a whole distribution, so it is made far less often than the other figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Case, Count, F, IntegerField, Value, When
from django.db.models.expressions import Combinable

from distribution.metrics.samples import Samples
from distribution.models import Delivery, Distribution

BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)  # seconds
SPANS = {
    "daybreak_send_duration_seconds": ("inflight_at", "accepted_at"),
    "daybreak_delivery_duration_seconds": ("accepted_at", "delivered_at"),
}


def of_runs(distributions: Iterable[Distribution]) -> Samples:
    """Histograms of these distributions; two queries each."""
    made: Samples = {}
    runs = list(distributions)
    for name, (first, last) in SPANS.items():
        buckets: dict[str, Counter[int]] = {}
        for run in runs:
            for number, place, count in _grouped(run, first, last):
                buckets.setdefault(number, Counter())[place] += count
        made[name] = [([number], _histogram(found)) for number, found in sorted(buckets.items())]
    return made


def _grouped(run: Distribution, first: str, last: str) -> Iterable[tuple[str, int, int]]:
    span: Combinable = F(last) - F(first)
    place = Case(
        *[
            When(span__lte=timedelta(seconds=bound), then=Value(no))
            for no, bound in enumerate(BOUNDS)
        ],
        default=Value(len(BOUNDS)),
        output_field=IntegerField(),
    )
    known: dict[str, Any] = {f"{first}__isnull": False, f"{last}__isnull": False}
    rows = Delivery.objects.filter(distribution=run, number__isnull=False, **known).order_by()
    groups: Iterable[tuple[str, int, int]] = (
        rows.annotate(span=span, place=place)
        .values_list("number__label", "place")
        .annotate(Count("pk"))
    )
    return groups


def _histogram(found: Counter[int]) -> tuple[list[tuple[str, int]], float]:
    """Counts up to each bound, and the sum: of each bucket its middle, since none is read."""
    buckets, so_far, total, below = [], 0, 0.0, 0.0
    for place, bound in enumerate(BOUNDS):
        so_far += found[place]
        total += found[place] * (below + bound) / 2
        below = bound
        buckets.append((str(float(bound)), so_far))
    so_far += found[len(BOUNDS)]
    buckets.append(("+Inf", so_far))
    return buckets, total + found[len(BOUNDS)] * below
