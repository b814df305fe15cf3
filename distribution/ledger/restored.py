"""Deliveries whose fate a restored database may have forgotten: doubted, and found again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from distribution.ledger import deliveries
from distribution.ledger.attempt_ids import AttemptKey
from distribution.models import Attempt, AttemptOutcome, Delivery, State
from distribution.models.deliveries import DeliveryQuerySet

REASON = "restored"
# Nothing is known yet of a message that has just begun.
FRESH: dict[str, int | None] = {"progress": 0, "failed_code": None}
FRESH |= dict.fromkeys(("wamid", "sent_at", "delivered_at", "read_at", "failed_at"))


def doubtful(distribution_id: int) -> DeliveryQuerySet:
    """Those that may have been sent meanwhile, and are not doubted yet."""
    rows = Delivery.objects.filter(distribution_id=distribution_id, state__in=deliveries.MAY_SEND)
    return rows.exclude(state=State.UNKNOWN, reason=REASON)


def doubt(distribution_id: int, *, now: datetime) -> int:
    """Doubt everybody who may have been written to after the backup was taken; how many.

    What was reported meanwhile is lost with it, so silence proves nothing: none of them is sent
    again but by a person. A second call finds none.
    """
    doubted = 0
    while True:
        with transaction.atomic():
            rows = doubtful(distribution_id).order_by("pk").select_for_update(of=("self",))
            pks = list(rows.values_list("pk", flat=True)[: deliveries.CHUNK])
            if not pks:
                return doubted
            doubted += deliveries.mark_unknown(pks, REASON, now=now)
            Attempt.objects.bulk_create(
                [_forgotten(row, now) for row in Delivery.objects.filter(pk__in=pks)],
                ignore_conflicts=True,
            )


def _forgotten(row: Delivery, now: datetime) -> Attempt:
    assert row.claim_token is not None  # it was given one
    return Attempt(
        delivery_id=row.pk,
        attempt_id=str(AttemptKey(row.pk, row.attempt_no, row.claim_token)),
        number_id=row.number_id,
        outcome=AttemptOutcome.FORGOTTEN,
        reason=REASON,
        started_at=row.inflight_at,
        ended_at=now,
    )


def adopt(attempts: Iterable[AttemptKey], *, heard_at: datetime) -> set[AttemptKey]:
    """Give doubted deliveries the attempts that were made in the lost hours, by their names.

    WhatsApp says that these went out; returns those that a delivery has taken.
    """
    taken = set()
    for attempt in attempts:
        # A lower number has been accounted for: whoever bears it is not of this delivery.
        rows = Delivery.objects.filter(
            pk=attempt.delivery_id,
            attempt_no__lte=attempt.attempt_no,
            state__in=[State.UNKNOWN, State.UNCONFIRMED],
        )
        forgotten = Attempt.objects.filter(
            delivery=attempt.delivery_id, outcome=AttemptOutcome.FORGOTTEN
        )
        names = {"attempt_no": attempt.attempt_no, "claim_token": attempt.claim_token}
        if forgotten.exists() and rows.update(**names, **FRESH, inflight_at=heard_at):
            taken.add(attempt)
    return taken
