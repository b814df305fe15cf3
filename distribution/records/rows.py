"""One line of a record for each delivery: what happened, in milliseconds since the planned time.

No phone, name or message id is in it: people are numbered in the order in which they were sent to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import rfc8785

from distribution.ledger.attempts import ids
from distribution.models import Attempt, Delivery, Distribution
from distribution.records import merkle

ROWS_PER_PART = 5_000
ROWS_PER_QUERY = 1_000


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it stands in the file, and its leaf in the tree."""

    delivery_id: int
    state: str
    reason: str
    text: bytes
    leaf: bytes


def parts(distribution: Distribution) -> Iterator[list[Line]]:
    """The lines of all deliveries, ROWS_PER_PART at a time."""
    lines = _read(distribution)
    while part := list(islice(lines, ROWS_PER_PART)):
        yield part


def _read(distribution: Distribution) -> Iterator[Line]:
    """In fewer rows than a part has: with its number and rate a row takes 15 KB in memory."""
    last, number = 0, 0
    while True:
        rows = Delivery.objects.filter(distribution=distribution, pk__gt=last).order_by("pk")
        deliveries = list(rows.select_related("number", "rate")[:ROWS_PER_QUERY])
        if not deliveries:
            return
        yield from _lines(distribution, deliveries, number)
        last, number = deliveries[-1].pk, number + len(deliveries)


def _lines(distribution: Distribution, deliveries: Sequence[Delivery], first: int) -> list[Line]:
    attempts: dict[int, list[Attempt]] = defaultdict(list)
    found = Attempt.objects.filter(delivery__in=[one.pk for one in deliveries])
    for attempt in found.select_related("number").order_by("pk"):
        attempts[attempt.delivery_id].append(attempt)
    start = distribution.planned_at
    return [
        _line(delivery, _row(delivery, attempts[delivery.pk], no, start))
        for no, delivery in enumerate(deliveries, first)
    ]


def _line(delivery: Delivery, row: dict[str, Any]) -> Line:
    salt = merkle.new_salt()
    text = rfc8785.dumps(row)
    leaf = merkle.leaf_hash(salt, text)
    return Line(delivery.pk, delivery.state, delivery.reason, with_salt(salt, text), leaf)


def with_salt(salt: str, row: bytes) -> bytes:
    """The line in the file: the salt and, verbatim, the row that the hash is of."""
    return b'{"row":' + row + b',"salt":"' + salt.encode() + b'"}'


def _row(
    delivery: Delivery, attempts: Sequence[Attempt], no: int, start: datetime
) -> dict[str, Any]:
    row = {
        "person": no,
        "tier": delivery.tier,
        "batch": delivery.batch_no,
        "state": delivery.state,
        "reason": delivery.reason,
        "number": delivery.number.label if delivery.number else "",
        "attempt": delivery.attempt_no,
        "inflight_ms": _offset(delivery.inflight_at, start),
        "accepted_ms": _offset(delivery.accepted_at, start),
        "sent_ms": _offset(delivery.sent_at, start),
        "delivered_ms": _offset(delivery.delivered_at, start),
        "read_ms": _offset(delivery.read_at, start),
        "failed_ms": _offset(delivery.failed_at, start),
        "failed_code": delivery.failed_code,
        "price": str(delivery.rate.price) if delivery.rate else None,
        "attempts": [_attempt(attempt, start) for attempt in attempts],
    }
    return {key: value for key, value in row.items() if value not in (None, "", [])}


def _attempt(attempt: Attempt, start: datetime) -> dict[str, Any]:
    known = ids.parse(attempt.attempt_id)
    row = {
        "no": known.attempt_no if known else None,
        "outcome": attempt.outcome,
        "reason": attempt.reason,
        "number": attempt.number.label if attempt.number else "",
        "code": attempt.code,
        "http_status": attempt.http_status,
        "trace": attempt.fbtrace_id,
        "started_ms": _offset(attempt.started_at, start),
        "ended_ms": _offset(attempt.ended_at, start),
    }
    return {key: value for key, value in row.items() if value not in (None, "")}


def _offset(moment: datetime | None, start: datetime) -> int | None:
    return None if moment is None else round((moment - start).total_seconds() * 1000)
