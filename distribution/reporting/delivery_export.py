"""Deliveries as CSV, streamed row by row, safe to open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

from django.db.models import Case, QuerySet, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from distribution.ledger.reasons import explain
from distribution.models import Delivery
from masking.phones import mask_phone
from subscribers.paging import in_pages
from subscribers.spreadsheets import csv_lines

# The heading of each column, and the field that it shows.
COLUMNS = {
    "delivery": "pk",
    "distribution": "distribution_id",
    "day": "distribution__local_date",
    "subscriber": "subscriber_id",
    "phone": "phone",
    "name": "subscriber__name",
    "tier": "tier",
    "batch": "batch_no",
    "number": "number__label",
    "state": "state",
    "progress": "progress",
    "reason": "reason",
    "in words": "reason",
    "advice": "reason",
    "attempts": "attempt_no",
    "accepted at": "accepted_at",
    "sent at": "sent_at",
    "delivered at": "delivered_at",
    "read at": "read_at",
    "failed at": "failed_at",
    "error code": "failed_code",
    "rung": "rung",
    "template": "template",
}
HEADER = tuple(COLUMNS)
# What it left with; nothing for whom nothing has left.
SENT_TEMPLATE = Case(
    When(
        attempt_no__gt=0,
        then=Coalesce(
            "message_template__name",
            "distribution__message_template__name",
            "distribution__content__message_template__name",
        ),
    )
)
PROGRESS_WORDS = ("", "sent", "delivered", "read")


def lines(deliveries: QuerySet[Delivery], *, full_phones: bool) -> Iterator[str]:
    """The file's lines, the header first."""
    rows = deliveries.annotate(template=SENT_TEMPLATE).values(*set(COLUMNS.values()))
    cells = (_cells(values, full_phones=full_phones) for values in in_pages(rows))
    return csv_lines(chain([HEADER], cells))


def _cells(values: Mapping[str, Any], *, full_phones: bool) -> list[str]:
    explanation = explain(values["reason"]) if values["reason"] else None
    shown = {
        "phone": values["phone"] if full_phones else mask_phone(values["phone"]),
        "progress": PROGRESS_WORDS[values["progress"]],
        "in words": explanation.words if explanation else "",
        "advice": explanation.advice if explanation else "",
    }
    return [_text(shown.get(heading, values[field])) for heading, field in COLUMNS.items()]


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(sep=" ", timespec="seconds")
    return "" if value is None else str(value)
