"""Deliveries as CSV, streamed row by row, safe to open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain

from django.db.models import QuerySet
from django.utils import timezone

from distribution.ledger.reasons import explain
from distribution.models import Delivery
from masking.phones import mask_phone
from subscribers.spreadsheets import csv_lines

HEADER = (
    "delivery",
    "distribution",
    "day",
    "subscriber",
    "phone",
    "name",
    "tier",
    "batch",
    "number",
    "state",
    "progress",
    "reason",
    "in words",
    "advice",
    "attempts",
    "accepted at",
    "sent at",
    "delivered at",
    "read at",
    "failed at",
    "error code",
)
COLUMNS = (
    "pk",
    "distribution_id",
    "distribution__local_date",
    "subscriber_id",
    "phone",
    "subscriber__name",
    "tier",
    "batch_no",
    "number__label",
    "state",
    "progress",
    "reason",
    "attempt_no",
    "accepted_at",
    "sent_at",
    "delivered_at",
    "read_at",
    "failed_at",
    "failed_code",
)
PROGRESS_WORDS = {0: "", 1: "sent", 2: "delivered", 3: "read"}


def lines(deliveries: QuerySet[Delivery], *, full_phones: bool) -> Iterator[str]:
    """The file's lines, the header first."""
    rows = deliveries.values_list(*COLUMNS).iterator(chunk_size=2000)
    return csv_lines(chain([HEADER], (row(values, full_phones=full_phones) for values in rows)))


def row(values: Sequence[object], *, full_phones: bool) -> list[str]:
    """The cells of one delivery, from its `COLUMNS`."""
    pk, distribution, day, person, phone, name, tier, batch, number, state, step, *rest = values
    reason, attempts, *times, code = rest
    explanation = explain(str(reason)) if reason else None
    cells = [
        pk,
        distribution,
        day,
        person,
        phone if full_phones else mask_phone(str(phone)),
        name,
        tier,
        batch,
        number,
        state,
        PROGRESS_WORDS.get(step if isinstance(step, int) else 0, ""),
        reason,
        explanation.words if explanation else "",
        explanation.advice if explanation else "",
        attempts,
        *[_local(moment) for moment in times],
        code,
    ]
    return ["" if cell is None else str(cell) for cell in cells]


def _local(moment: object) -> str:
    if not isinstance(moment, datetime):
        return ""
    return timezone.localtime(moment).isoformat(sep=" ", timespec="seconds")
