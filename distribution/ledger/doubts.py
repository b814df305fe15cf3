"""Unknown outcomes: marked, sent again where the rules or a person decide so, or left to a person.

With `deliveries.py` the only writer of `Delivery.state`. Each function takes deliveries of one
distribution; without its id every partition is looked at.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce, Greatest

from distribution.ledger.attempts.evidence import new_verdict, unknown_attempt
from distribution.ledger.partitions import keys
from distribution.models import Attempt, Distribution, Ruling, State, Verdict
from distribution.models.deliveries import CLAIMABLE

# In these states a byte of the request has left, or may leave yet.
POSSIBLY_SENT = (*CLAIMABLE, State.CLAIMED, State.INFLIGHT, State.UNKNOWN)


def mark_unknown(
    pks: Collection[int], reason: str, *, distribution_id: int | None = None, now: datetime
) -> int:
    """Mark deliveries unknown, tried or not: only a report or a person may settle them.

    None has an automatic resend left, and each has an attempt that a report could name.
    """
    return (
        keys.rows(pks, distribution_id)
        .filter(state__in=POSSIBLY_SENT)
        .update(
            state=State.UNKNOWN,
            reason=reason,
            unknown_at=now,
            lease_until=None,
            ambiguous_no=Greatest("ambiguous_no", 1),
            attempt_no=Greatest("attempt_no", 1),
            claim_token=Coalesce("claim_token", secrets.randbits(63)),
            inflight_at=Coalesce("inflight_at", now),
        )
    )


def retry_unknown(
    pks: Collection[int],
    *,
    distribution_id: int | None = None,
    next_at: datetime,
    now: datetime,
    evidence: Mapping[int, dict[str, Any]] | None = None,
) -> int:
    """Send again because every gate says "not accepted": at most once in a delivery's life.

    `evidence`, by delivery id, is kept with each verdict in the same transaction.
    """
    with transaction.atomic():
        unresolved = keys.rows(pks, distribution_id).filter(state=State.UNKNOWN, ambiguous_no=0)
        rows = list(unresolved.order_by("pk").select_for_update(of=("self",)))
        # Kept, so that a late report of the first call is still recognised.
        Attempt.objects.bulk_create(
            [unknown_attempt(row, now) for row in rows], ignore_conflicts=True
        )
        why, facts = "Its neighbours were reported, it was not.", evidence or {}
        Verdict.objects.bulk_create(
            new_verdict(row, Ruling.SEND_AGAIN, why, facts.get(row.pk), now) for row in rows
        )
        return unresolved.filter(pk__in=[row.pk for row in rows]).update(
            state=State.RETRY_WAIT, next_at=next_at, ambiguous_no=1, unknown_at=None
        )


def leave_unconfirmed(
    pks: Collection[int],
    reason: str,
    *,
    distribution_id: int | None = None,
    now: datetime,
    evidence: dict[str, Any] | None = None,
) -> int:
    """Unknown to the end: a person decides. Why the rules did not is kept as a verdict."""
    with transaction.atomic():
        unresolved = keys.rows(pks, distribution_id).filter(state__in=[State.UNKNOWN, State.HELD])
        rows = list(unresolved.order_by("pk").select_for_update(of=("self",)))
        Verdict.objects.bulk_create(
            new_verdict(row, Ruling.UNCONFIRMED, reason, evidence, now) for row in rows
        )
        return unresolved.filter(pk__in=[row.pk for row in rows]).update(
            state=State.UNCONFIRMED, reason=reason
        )


def resend_unconfirmed(pk: int, *, distribution_id: int | None = None, next_at: datetime) -> int:
    """Send again at a person's risk of a second message; the caller writes the verdict. It goes out
    on the distribution's rung of now."""
    place = Distribution.objects.filter(pk=OuterRef("distribution_id")).values("rung__place")
    return (
        keys.rows([pk], distribution_id)
        .filter(state=State.UNCONFIRMED)
        .update(
            state=State.RETRY_WAIT,
            next_at=next_at,
            unknown_at=None,
            ambiguous_no=F("ambiguous_no") + 1,
            rung=Coalesce(Subquery(place), 0),
        )
    )
