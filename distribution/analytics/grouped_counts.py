"""Every count that the dashboard needs of a distribution, by one statement over one index.

PostgreSQL groups. SQLite takes twice as long to group a row as to count it; there a recursive
query walks the index from one group to the next and counts each: 100,000 deliveries make about
thirty groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Q

from distribution.models import Delivery, Distribution, Progress, State

_OF_STATE = "FROM distribution_delivery d WHERE d.distribution_id = %(id)s AND d.state = g.state"
_OF_REASON = f"{_OF_STATE} AND d.reason = g.reason"
_OF_GROUP = f"{_OF_REASON} AND d.number_id IS g.number_id AND d.progress = progress_steps.progress"
# The lowest reason (or number) of each group, then the next one as long as there is one. The last
# row is NULL, which is also the number of deliveries that have none.
_COUNT_GROUPS = f"""
WITH RECURSIVE
states (state) AS (VALUES {", ".join(f"('{state}')" for state in State)}),
by_reason (state, reason) AS (
  SELECT state, (SELECT MIN(d.reason) {_OF_STATE}) FROM states AS g
  UNION ALL
  SELECT state, (SELECT MIN(d.reason) {_OF_STATE} AND d.reason > g.reason)
    FROM by_reason AS g WHERE reason IS NOT NULL),
by_number (state, reason, number_id) AS (
  SELECT state, reason, (SELECT MIN(d.number_id) {_OF_REASON})
    FROM by_reason AS g WHERE reason IS NOT NULL
  UNION ALL
  SELECT state, reason, (SELECT MIN(d.number_id) {_OF_REASON} AND d.number_id > g.number_id)
    FROM by_number AS g WHERE number_id IS NOT NULL),
progress_steps (progress) AS (VALUES {", ".join(f"({int(step)})" for step in Progress)})
SELECT state, reason, number_id, progress, (SELECT COUNT(*) {_OF_GROUP}) {{in_time}}
  FROM by_number AS g CROSS JOIN progress_steps
"""  # noqa: S608
_IN_TIME = f""",
       (SELECT COUNT(*) {_OF_GROUP} AND d.accepted_at <= %(deadline)s),
       (SELECT COUNT(*) {_OF_GROUP} AND d.delivered_at <= %(deadline)s)"""


@dataclass(frozen=True, slots=True)
class DeliveryGroup:
    """Deliveries with the same state, reason, number and progress, and how many were in time."""

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


def count_groups(distribution: Distribution, *, now: datetime) -> list[DeliveryGroup]:
    """The groups of a distribution's deliveries; empty groups are absent. Who is not frozen yet
    is waiting, too."""
    deadline = distribution.sla_deadline or distribution.planned_at
    early = now < deadline  # every accepted one is in time; comparing doubles the cost
    read = _count_by_index if connection.vendor == "sqlite" else _count_by_grouping
    rows = [row for row in read(distribution, None if early else deadline) if row[4]]
    in_time = [(*row, row[4], row[4]) if early else row for row in rows]
    groups = [DeliveryGroup(*row) for row in in_time]
    if to_come := people_to_come(distribution, sum(group.count for group in groups)):
        groups.append(DeliveryGroup(State.PENDING, "", None, Progress.NONE, to_come, 0, 0))
    return groups


def people_to_come(distribution: Distribution, counted: int) -> int:
    """People of a large audience for whom no delivery was stored yet when the others were counted:
    so that all states together are the audience from the opening on."""
    return max(0, distribution.recipients - counted) if distribution.preparing else 0


def _count_by_index(distribution: Distribution, deadline: datetime | None) -> list[tuple[Any, ...]]:
    parameters: dict[str, Any] = {"id": distribution.pk}
    if deadline is not None:
        parameters["deadline"] = connection.ops.adapt_datetimefield_value(deadline)
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT_GROUPS.format(in_time="" if deadline is None else _IN_TIME), parameters
        )
        return list(cursor.fetchall())


def _count_by_grouping(
    distribution: Distribution, deadline: datetime | None
) -> list[tuple[Any, ...]]:
    rows = Delivery.objects.filter(distribution=distribution).order_by()
    groups = rows.values_list("state", "reason", "number_id", "progress").annotate(all=Count("*"))
    if deadline is None:
        return list(groups)
    return list(
        groups.annotate(
            accepted=Count("accepted_at", filter=Q(accepted_at__lte=deadline)),
            delivered=Count("delivered_at", filter=Q(delivered_at__lte=deadline)),
        )
    )
