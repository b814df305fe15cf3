"""All that a board counts of a distribution, of one moment, by one statement over one index.

PostgreSQL groups. SQLite, which takes twice as long to group a row as to count it, walks from
one kind of delivery to the next on the index and counts between: 100 000 deliveries make some
thirty kinds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Q

from distribution.models import Delivery, Distribution, Progress, State

_OF = "FROM distribution_delivery d WHERE d.distribution_id = %(id)s AND d.state = kind.state"
_LIKE = f"{_OF} AND d.reason = kind.reason"
_ALIKE = f"{_LIKE} AND d.number_id IS kind.number_id AND d.progress = rung.progress"
# The first reason or number of each, then the next as long as there is one; at last none, which
# is also how a delivery without a number stands.
_WALK = f"""
WITH RECURSIVE
stage (state) AS (VALUES {", ".join(f"('{state}')" for state in State)}),
reasoned (state, reason) AS (
  SELECT state, (SELECT MIN(d.reason) {_OF}) FROM stage AS kind
  UNION ALL
  SELECT state, (SELECT MIN(d.reason) {_OF} AND d.reason > kind.reason)
    FROM reasoned AS kind WHERE reason IS NOT NULL),
numbered (state, reason, number_id) AS (
  SELECT state, reason, (SELECT MIN(d.number_id) {_LIKE})
    FROM reasoned AS kind WHERE reason IS NOT NULL
  UNION ALL
  SELECT state, reason, (SELECT MIN(d.number_id) {_LIKE} AND d.number_id > kind.number_id)
    FROM numbered AS kind WHERE number_id IS NOT NULL),
rung (progress) AS (VALUES {", ".join(f"({int(step)})" for step in Progress)})
SELECT state, reason, number_id, progress, (SELECT COUNT(*) {_ALIKE}) {{in_time}}
  FROM numbered AS kind CROSS JOIN rung
"""  # noqa: S608
_IN_TIME = f""",
       (SELECT COUNT(*) {_ALIKE} AND d.accepted_at <= %(deadline)s),
       (SELECT COUNT(*) {_ALIKE} AND d.delivered_at <= %(deadline)s)"""


@dataclass(frozen=True, slots=True)
class Cell:
    """Deliveries that are alike in all that a board counts, and how many of them were in time."""

    state: str
    reason: str
    number_id: int | None
    progress: int
    count: int
    accepted_in_time: int  # of accepted ones
    delivered_in_time: int  # of delivered ones

    @property
    def is_accepted(self) -> bool:
        return self.state in (State.ACCEPTED, State.HELD)

    @property
    def is_delivered(self) -> bool:
        return self.is_accepted and self.progress >= Progress.DELIVERED


def cells(distribution: Distribution, *, now: datetime) -> list[Cell]:
    """Deliveries by all that a board tells apart; kinds without any are absent."""
    deadline = distribution.sla_deadline or distribution.planned_at
    early = now < deadline  # whatever went out is in time; comparing doubles the cost
    count = _walked if connection.vendor == "sqlite" else _grouped
    found = [row for row in count(distribution, None if early else deadline) if row[4]]
    in_time = [(*row, row[4], row[4]) if early else row for row in found]
    return [Cell(*row) for row in in_time]


def _walked(distribution: Distribution, deadline: datetime | None) -> list[tuple[Any, ...]]:
    asked: dict[str, Any] = {"id": distribution.pk}
    if deadline is not None:
        asked["deadline"] = connection.ops.adapt_datetimefield_value(deadline)
    with connection.cursor() as cursor:
        cursor.execute(_WALK.format(in_time="" if deadline is None else _IN_TIME), asked)
        return list(cursor.fetchall())


def _grouped(distribution: Distribution, deadline: datetime | None) -> list[tuple[Any, ...]]:
    rows = Delivery.objects.filter(distribution=distribution).order_by()
    kinds = rows.values_list("state", "reason", "number_id", "progress").annotate(all=Count("*"))
    if deadline is None:
        return list(kinds)
    return list(
        kinds.annotate(
            accepted=Count("accepted_at", filter=Q(accepted_at__lte=deadline)),
            delivered=Count("delivered_at", filter=Q(delivered_at__lte=deadline)),
        )
    )
