"""Records to keep as evidence: an attempt whose outcome is unknown, and a decision about one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.reasons import DeliveryReason
from distribution.models import Attempt, AttemptOutcome, Delivery, Ruling, Verdict


def latest_attempt_id(row: Delivery) -> str:
    """The id of the delivery's latest attempt."""
    return str(AttemptKey(row.pk, row.attempt_no, row.claim_token or 0))


def latest_attempt(row: Delivery, outcome: AttemptOutcome, reason: str, now: datetime) -> Attempt:
    """The record of how the delivery's latest attempt ended."""
    return Attempt(
        delivery_id=row.pk,
        attempt_id=latest_attempt_id(row),
        number_id=row.number_id,
        outcome=outcome,
        reason=reason,
        started_at=row.inflight_at,
        ended_at=now,
    )


def unknown_attempt(row: Delivery, now: datetime) -> Attempt:
    """The record of a call whose outcome is unknown."""
    return latest_attempt(row, AttemptOutcome.UNKNOWN, DeliveryReason.NO_ANSWER, now)


def new_verdict(
    row: Delivery,
    ruling: Ruling,
    reason: str,
    evidence: dict[str, Any] | None,
    now: datetime,
    by: User | None = None,
) -> Verdict:
    """A decision about a delivery and its evidence; `by` None: decided by the rules."""
    seen = {**(evidence or {}), "state": row.state, "sent_again_before": row.ambiguous_no}
    return Verdict(
        delivery_id=row.pk,
        attempt_id=latest_attempt_id(row),
        ruling=ruling,
        reason=reason[:500],
        evidence=seen,
        by=by,
        at=now,
    )
