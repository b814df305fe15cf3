"""Accepted and delivered messages over time: counts by short spans, by one statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from distribution.models import Delivery, Distribution

SPANS_LIMIT = 90
SPAN_WIDTHS_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)  # seconds
TAIL = timedelta(seconds=30)  # shown after the last message was accepted

# SQLite stores times as text, in UTC.
SECOND_OF = {"postgresql": "date_trunc('second', {column})", "sqlite": "substr({column}, 1, 19)"}
_BY_SECOND = """
    SELECT '{column}', {second}, COUNT(*) FROM distribution_delivery
     WHERE distribution_id = %(id)s AND {column} >= %(since)s AND {column} < %(until)s GROUP BY 2
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
    start = min(distribution.planned_at, opened).replace(microsecond=0)
    end = max(_end(distribution, now), start + timedelta(seconds=1))
    width = _width((end - start).total_seconds())
    spans = int(-(-(end - start).total_seconds() // width))
    accepted, delivered = [0] * spans, [0] * spans
    until = start + timedelta(seconds=width * spans)
    for column, second, count in _count_by_second(distribution.pk, start, until):
        counted = accepted if column == "accepted_at" else delivered
        counted[int((second - start).total_seconds()) // width] += count
    return Timeline(start, width, accepted, delivered)


def _end(distribution: Distribution, now: datetime) -> datetime:
    rows = Delivery.objects.filter(distribution=distribution, accepted_at__isnull=False)
    last = rows.order_by("-accepted_at").values_list("accepted_at", flat=True).first()
    known = [moment for moment in (distribution.sla_deadline, last and last + TAIL) if moment]
    return max(known, default=now)


def _width(seconds: float) -> int:
    fitting = (width for width in SPAN_WIDTHS_SECONDS if seconds / width <= SPANS_LIMIT)
    return next(fitting, int(seconds // SPANS_LIMIT) + 1)


def _count_by_second(
    distribution_id: int, since: datetime, until: datetime
) -> list[tuple[str, datetime, int]]:
    """How many were accepted, and delivered, in each second that had any."""
    columns = ("accepted_at", "delivered_at")
    second = SECOND_OF[connection.vendor]
    statement = " UNION ALL ".join(
        _BY_SECOND.format(column=column, second=second.format(column=column)) for column in columns
    )
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(
            statement, {"id": distribution_id, "since": adapt(since), "until": adapt(until)}
        )
        return [(column, _moment(at), count) for column, at, count in cursor.fetchall()]


def _moment(second: datetime | str) -> datetime:
    return datetime.fromisoformat(f"{second}+00:00") if isinstance(second, str) else second
