"""In which form deliveries are stored: one table, or partitions by ranges of `distribution_id`.

Partitions exist only on PostgreSQL, after `manage.py partition_deliveries` (docs/adr/0020). A
statement that finds deliveries by their keys names the bounds of the partitions that they are in,
so that PostgreSQL plans for those alone. On a plain table nothing is added to any statement.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection
from django.db.models import Q

TABLE = "distribution_delivery"
_BOUNDS = re.compile(r"FROM \((MINVALUE|'?\d+'?)\) TO \((MAXVALUE|'?\d+'?)\)")
_READ = """
SELECT child.relname, pg_get_expr(child.relpartbound, child.oid)
  FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
 WHERE inhparent = to_regclass(%s) AND child.relispartition
"""


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """Deliveries of the distributions from `first` on and below `end`; None: without a bound."""

    first: int  # 0: all below `end`
    end: int | None
    table: str

    def holds(self, distribution_id: int) -> bool:
        return self.first <= distribution_id and (self.end is None or distribution_id < self.end)


class _Known:
    """What this process knows; a partition made since is looked for when it is needed."""

    layout: tuple[Partition, ...] | None = None


def read() -> tuple[Partition, ...]:
    """The partitions in their order, from the database; none if the table is a plain one."""
    if connection.vendor != "postgresql":
        return ()
    with connection.cursor() as cursor:
        cursor.execute(_READ, [TABLE])
        found = [_partition(table, bounds) for table, bounds in cursor.fetchall()]
    _Known.layout = tuple(sorted(one for one in found if one is not None))
    return _Known.layout


def _partition(table: str, bounds: str) -> Partition | None:
    match = _BOUNDS.search(bounds)
    if match is None:
        return None
    first, end = (bound.strip("'") for bound in match.groups())
    return Partition(
        int(first) if first.isdigit() else 0, int(end) if end.isdigit() else None, table
    )


def forget() -> None:
    """The form has changed."""
    _Known.layout = None


def known() -> tuple[Partition, ...]:
    """The partitions as this process read them last. A process that has seen a plain table takes it
    for one until it ends: its statements are right on both forms."""
    return read() if _Known.layout is None else _Known.layout


def is_partitioned() -> bool:
    return bool(known())


def table_of(distribution_id: int) -> str:
    """The table that holds this distribution's deliveries: the partition, or the plain one."""
    for layout in (known(), read() if _is_new(distribution_id) else ()):
        for one in layout:
            if one.holds(distribution_id):
                return one.table
    return TABLE


def _is_new(distribution_id: int) -> bool:
    last = known()[-1:]
    return bool(last) and last[0].end is not None and distribution_id >= last[0].end


def bounds(distribution_ids: Collection[int]) -> tuple[int, int | None]:
    """The least range of whole partitions that holds these distributions: first, and end."""
    if not distribution_ids or not is_partitioned():
        return 0, None
    low, high = min(distribution_ids), max(distribution_ids)
    if _is_new(high):
        read()
    first, end = 0, None
    for one in known():
        if one.first <= low:
            first = one.first
        if one.holds(high):
            end = one.end
    return first, end


def within(distribution_ids: Collection[int]) -> Q:
    """For a query that finds deliveries of these distributions by their keys: it leaves out other
    partitions, not other distributions. Without any nothing is left out."""
    first, end = bounds(distribution_ids)
    found = Q(distribution_id__gte=first) if first else Q()
    return found & Q(distribution_id__lt=end) if end is not None else found


def within_sql(distribution_ids: Collection[int], alias: str) -> str:
    """The same for a statement's text, to follow another condition; constants of ours.

    A statement that joins deliveries names their own distributions as well. `id` alone is no whole
    key here: without statistics of all partitions together, which only ANALYZE of the parent makes,
    PostgreSQL would expect many rows of each id, and read the whole partition instead.
    """
    first, end = bounds(distribution_ids)
    lower = f" AND {alias}.distribution_id >= {first:d}" if first else ""
    return lower + (f" AND {alias}.distribution_id < {end:d}" if end is not None else "")
