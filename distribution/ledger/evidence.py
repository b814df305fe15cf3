"""Evidence about calls: the record of one whose end nobody knows, and of what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from distribution.ledger.attempt_ids import AttemptKey
from distribution.models import Attempt, AttemptOutcome, Delivery, Ruling, Verdict

UNKNOWN_OUTCOME = "no_answer"


@dataclass(frozen=True, slots=True)
class Conflict:
    """One message id for two deliveries: it stays the first one's."""

    delivery_id: int
    owner_id: int  # the delivery that has the id
    wamid: str


def keep_conflict(delivery_id: int, wamid: str, now: datetime) -> Conflict | None:
    """Write down that this delivery's call was answered with another one's message id."""
    owner = Delivery.objects.filter(wamid=wamid).exclude(pk=delivery_id).first()
    if owner is None:
        return None
    row = Delivery.objects.get(pk=delivery_id)
    kept = Attempt(
        delivery_id=row.pk,
        attempt_id=attempt_id(row),
        number_id=row.number_id,
        outcome=AttemptOutcome.CONFLICT,
        reason=f"message_id_of_{owner.pk}",
        started_at=row.inflight_at,
        ended_at=now,
    )
    Attempt.objects.bulk_create([kept], ignore_conflicts=True)
    return Conflict(row.pk, owner.pk, wamid)


def attempt_id(row: Delivery) -> str:
    """The name of the delivery's latest attempt."""
    return str(AttemptKey(row.pk, row.attempt_no, row.claim_token or 0))


def doubt(row: Delivery, now: datetime) -> Attempt:
    """Evidence of a call whose end nobody knows."""
    assert row.claim_token is not None  # a row in doubt was claimed once
    return Attempt(
        delivery_id=row.pk,
        attempt_id=attempt_id(row),
        number_id=row.number_id,
        outcome=AttemptOutcome.UNKNOWN,
        reason=UNKNOWN_OUTCOME,
        started_at=row.inflight_at,
        ended_at=now,
    )


def verdict(
    row: Delivery,
    ruling: Ruling,
    reason: str,
    evidence: dict[str, Any] | None,
    now: datetime,
    by: User | None = None,
) -> Verdict:
    """What was decided about a delivery and what was seen of it; `by` None: by the rules."""
    seen = {**(evidence or {}), "state": row.state, "sent_again_before": row.ambiguous_no}
    return Verdict(
        delivery_id=row.pk,
        attempt_id=attempt_id(row),
        ruling=ruling,
        reason=reason[:500],
        evidence=seen,
        by=by,
        at=now,
    )
