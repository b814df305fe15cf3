"""Deliveries as CSV, row by row, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from distribution.explaining import explain
from distribution.models import Delivery
from subscribers.phones import mask

HEADER = (
    *("delivery", "distribution", "day", "phone", "name", "tier", "batch", "number"),
    *("state", "progress", "reason", "in words", "advice", "attempts"),
    *("accepted at", "delivered at", "read at", "failed at", "error code"),
)
COLUMNS = (
    *("pk", "distribution_id", "distribution__local_date", "phone", "subscriber__name", "tier"),
    *("batch_no", "number__label", "state", "progress", "reason", "attempt_no"),
    *("accepted_at", "delivered_at", "read_at", "failed_at", "failed_code"),
)
# A cell that begins so is a formula to a spreadsheet, and may do what a stranger wrote.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
PROGRESS = {0: "", 1: "sent", 2: "delivered", 3: "read"}


class _Line:
    """What csv writes to: it hands each line straight back."""

    def write(self, line: str) -> str:
        return line


def lines(deliveries: QuerySet[Delivery], *, full_phones: bool) -> Iterator[str]:
    """The file's lines, the header first; a byte-order mark lets Excel read it as UTF-8."""
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(HEADER)
    for values in deliveries.values_list(*COLUMNS).iterator(chunk_size=2000):
        yield writer.writerow([safe(cell) for cell in _row(values, full_phones=full_phones)])


def _row(values: Sequence[object], *, full_phones: bool) -> list[object]:
    pk, one, day, phone, name, tier, batch, number, state, progress, reason, tries, *rest = values
    *times, code = rest
    why = explain(str(reason)) if reason else None
    told = (why.words, why.advice) if why else ("", "")
    shown = phone if full_phones else mask(str(phone))
    reached = PROGRESS.get(progress if isinstance(progress, int) else 0, "")
    return [
        *(pk, one, day, shown, name, tier, batch, number, state, reached, reason),
        *(*told, tries, *(_local(moment) for moment in times), code),
    ]


def _local(moment: object) -> str:
    if not isinstance(moment, datetime):
        return ""
    return timezone.localtime(moment).isoformat(sep=" ", timespec="seconds")


def safe(cell: object) -> str:
    """A cell's text; one that a spreadsheet would reckon out gets an apostrophe before it."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA) else text
