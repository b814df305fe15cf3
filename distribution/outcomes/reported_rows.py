"""The deliveries that reports are about, read and locked for the rules that apply the reports."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from distribution.ledger.partitions import keys
from distribution.models import Delivery
from distribution.outcomes.report_rules import DeliveryFacts
from distribution.runtime import partitions
from distribution.runtime.binary_cursor import binary_cursor


class ReportedRow(NamedTuple):
    """The columns of a delivery that are read: reading whole records costs several times more."""

    pk: int
    distribution_id: int
    subscriber_id: int
    number_id: int | None
    attempt_no: int
    claim_token: int | None
    phone: str
    rung: int
    message_template_id: int | None
    facts: DeliveryFacts  # as stored


ROW_COLUMNS = [name for name in ReportedRow._fields if name != "facts"]
FACTS_COLUMNS = [column.name for column in fields(DeliveryFacts)]
_WIDTH = len(ROW_COLUMNS)
# The rows in the order of their keys, as every statement locks them. PostgreSQL cannot see the
# length of an array behind a SELECT, and always goes by the primary key.
LOCK = f"""
    SELECT id, {", ".join((*ROW_COLUMNS[1:], *FACTS_COLUMNS))} FROM distribution_delivery AS d
     WHERE id = ANY((SELECT %(ids)b::bigint[])::bigint[]){{within}} ORDER BY id FOR UPDATE
"""  # noqa: S608 - names of ours


def lock(pks: Collection[int], *, now: datetime) -> dict[int, ReportedRow]:
    """Lock these deliveries; unknown ones are absent. On SQLite the transaction is the lock."""
    if connection.vendor == "postgresql":
        lately = keys.recent(now)
        locked = _lock(pks, lately)
        if lately and len(locked) < len(pks):
            locked |= _lock([pk for pk in pks if pk not in locked], ())
        return locked
    rows = Delivery.objects.filter(pk__in=list(pks)).order_by("pk")
    return _by_key(rows.values_list(*ROW_COLUMNS, *FACTS_COLUMNS))


def _lock(pks: Collection[int], distributions: Collection[int]) -> dict[int, ReportedRow]:
    sql = LOCK.format(within=partitions.within_sql(distributions, "d"))
    with binary_cursor() as cursor:
        cursor.execute(sql, {"ids": list(pks)})
        return _by_key(cursor.fetchall())


def _by_key(records: Iterable[tuple[Any, ...]]) -> dict[int, ReportedRow]:
    return {
        values[0]: ReportedRow._make((*values[:_WIDTH], DeliveryFacts(*values[_WIDTH:])))
        for values in records
    }
