"""Message ids that WhatsApp gave for two deliveries: the first delivery keeps the id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db import IntegrityError, transaction

from distribution.ledger.attempts.evidence import latest_attempt
from distribution.models import Attempt, AttemptOutcome, Delivery

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Conflict:
    """One message id for two deliveries: it stays the first one's."""

    delivery_id: int
    owner_id: int  # the delivery that has the id
    wamid: str


@dataclass(frozen=True, slots=True)
class MessageId:
    """The message id that a row would give to a delivery."""

    delivery_id: int
    wamid: str
    at: datetime


def write_without_conflicts(
    rows: Sequence[Row],
    write: Callable[[Sequence[Row]], int],
    *,
    message_id: Callable[[Row], MessageId],
    without_id: Callable[[Row], Row],
    conflicts: list[Conflict],
) -> int:
    """`write` all rows at once; how many deliveries changed.

    If a message id belongs to another delivery already, each row is written alone, that one
    without its id, so that it does not spoil its neighbours. It is added to `conflicts`.
    """

    def write_alone(row: Row) -> int:
        try:
            with transaction.atomic():
                return write([row])
        except IntegrityError:
            changed = write([without_id(row)])
            if changed and (conflict := _record(message_id(row))) is not None:
                conflicts.append(conflict)
            return changed

    try:
        return write(rows)
    except IntegrityError:
        return sum(write_alone(row) for row in rows)


def _record(claimed: MessageId) -> Conflict | None:
    """Keep as an attempt that this delivery's call was answered with another one's message id."""
    owner = Delivery.objects.filter(wamid=claimed.wamid).exclude(pk=claimed.delivery_id).first()
    if owner is None:
        return None
    delivery = Delivery.objects.get(pk=claimed.delivery_id)
    reason = f"message_id_of_{owner.pk}"
    attempt = latest_attempt(delivery, AttemptOutcome.CONFLICT, reason, claimed.at)
    Attempt.objects.bulk_create([attempt], ignore_conflicts=True)
    return Conflict(delivery.pk, owner.pk, claimed.wamid)
