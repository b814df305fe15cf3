"""Deliveries of a restored database that may have been sent after the backup was taken."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from distribution.ledger import chunks, doubts
from distribution.ledger.attempts.evidence import latest_attempt
from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.partitions import keys
from distribution.ledger.reasons import DeliveryReason
from distribution.models import Attempt, AttemptOutcome, Delivery, State
from distribution.models.deliveries import DeliveryQuerySet

# The columns of reports, for an attempt of which no report has been applied.
NOTHING_REPORTED: dict[str, int | None] = {"progress": 0, "failed_code": None}
NOTHING_REPORTED |= dict.fromkeys(("wamid", "sent_at", "delivered_at", "read_at", "failed_at"))


def possibly_sent(distribution_id: int) -> DeliveryQuerySet:
    """Deliveries that may have been sent since the backup, and are not marked unknown yet."""
    rows = Delivery.objects.filter(distribution_id=distribution_id, state__in=doubts.POSSIBLY_SENT)
    return rows.exclude(state=State.UNKNOWN, reason=DeliveryReason.RESTORED)


def mark_unknown(distribution_id: int, *, now: datetime) -> int:
    """Mark every delivery unknown that may have been sent after the backup was taken; how many.

    The reports of that time are lost, so the absence of a report proves nothing: only a person can
    have one sent again. A second call changes nothing.
    """
    marked = 0
    while True:
        with transaction.atomic():
            rows = possibly_sent(distribution_id).order_by("pk").select_for_update(of=("self",))
            pks = list(rows.values_list("pk", flat=True)[: chunks.UPDATE_CHUNK_SIZE])
            if not pks:
                return marked
            marked += doubts.mark_unknown(
                pks, DeliveryReason.RESTORED, distribution_id=distribution_id, now=now
            )
            Attempt.objects.bulk_create(
                [
                    latest_attempt(row, AttemptOutcome.FORGOTTEN, DeliveryReason.RESTORED, now)
                    for row in keys.rows(pks, distribution_id)
                ],
                ignore_conflicts=True,
            )


def attach_attempts(attempts: Iterable[AttemptKey], *, reported_at: datetime) -> set[AttemptKey]:
    """Attach attempts made since the backup to their deliveries; returns those attached.

    WhatsApp reports that these went out; their ids name the deliveries.
    """
    attached = set()
    for attempt in attempts:
        # A lower attempt number is on record already: this id is not of this delivery.
        rows = Delivery.objects.filter(
            pk=attempt.delivery_id,
            attempt_no__lte=attempt.attempt_no,
            state__in=[State.UNKNOWN, State.UNCONFIRMED],
        )
        forgotten = Attempt.objects.filter(
            delivery=attempt.delivery_id, outcome=AttemptOutcome.FORGOTTEN
        )
        key_columns = {"attempt_no": attempt.attempt_no, "claim_token": attempt.claim_token}
        if forgotten.exists() and rows.update(
            **key_columns, **NOTHING_REPORTED, inflight_at=reported_at
        ):
            attached.add(attempt)
    return attached
