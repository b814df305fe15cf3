"""Accepted and delivered messages over time: counts by short spans, read from indexes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from distribution.models import Delivery, Distribution

SPANS_LIMIT = 90
SPAN_WIDTHS_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)  # seconds
TAIL = timedelta(seconds=30)  # shown after the last message was accepted

# One statement, a count over an index range for each span.
_SPANS = """
WITH span (no, since, until) AS (VALUES {values})
SELECT
  (SELECT COUNT(*) FROM distribution_delivery d WHERE d.distribution_id = %s
      AND d.accepted_at >= span.since AND d.accepted_at < span.until),
  (SELECT COUNT(*) FROM distribution_delivery d WHERE d.distribution_id = %s
      AND d.delivered_at >= span.since AND d.delivered_at < span.until)
  FROM span ORDER BY no
"""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Accepted and delivered in spans of `width` seconds from `start` on.

    A message that Meta failed later was accepted once and is counted, too.
    """

    start: datetime
    width: int
    accepted: list[int]
    delivered: list[int]

    @property
    def seconds(self) -> int:
        return self.width * len(self.accepted)

    def delivered_by(self, share: float, whole: int) -> int | None:
        """Seconds from the start until `share` of `whole` recipients had it; None: not yet."""
        needed, delivered = share * whole, 0
        for number, count in enumerate(self.delivered, start=1):
            delivered += count
            if delivered >= needed and whole:
                return number * self.width
        return None


def timeline(distribution: Distribution, *, now: datetime) -> Timeline:
    """From the planned (or an earlier) start to the deadline, or to the last acceptance."""
    opened = distribution.opened_at or distribution.planned_at
    start = min(distribution.planned_at, opened)
    end = max(_end(distribution, now), start + timedelta(seconds=1))
    width = _width((end - start).total_seconds())
    spans = int(-(-(end - start).total_seconds() // width))
    counts = _count(distribution.pk, start, timedelta(seconds=width), spans)
    return Timeline(start, width, [pair[0] for pair in counts], [pair[1] for pair in counts])


def _end(distribution: Distribution, now: datetime) -> datetime:
    rows = Delivery.objects.filter(distribution=distribution, accepted_at__isnull=False)
    last = rows.order_by("-accepted_at").values_list("accepted_at", flat=True).first()
    known = [moment for moment in (distribution.sla_deadline, last and last + TAIL) if moment]
    return max(known, default=now)


def _width(seconds: float) -> int:
    fitting = (width for width in SPAN_WIDTHS_SECONDS if seconds / width <= SPANS_LIMIT)
    return next(fitting, int(seconds // SPANS_LIMIT) + 1)


def _count(
    distribution_id: int, start: datetime, width: timedelta, spans: int
) -> list[tuple[int, int]]:
    adapt = connection.ops.adapt_datetimefield_value
    bounds = [adapt(start + width * number) for number in range(spans + 1)]
    values: list[Any] = []
    for number in range(spans):
        values += [number, bounds[number], bounds[number + 1]]
    statement = _SPANS.format(values=", ".join(["(%s, %s, %s)"] * spans))
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, distribution_id, distribution_id])
        return list(cursor.fetchall())
