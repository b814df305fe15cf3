"""With `doubts.py` the only writer of `Delivery.state`; `test_single_writer.py` checks this.

Every step is one UPDATE that names the state it leaves, so it is correct under any interleaving,
on both databases, and a repetition changes nothing. `distribution/lifecycle/audience.py` inserts
the rows; `restored.py`, `returns.py`, `rung_rows.py`, `erasure.py`, `hidden_ids.py` and
`engine/clock_repair.py` write other columns.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction

from distribution.ledger import claims, outbox, statements
from distribution.ledger.attempts.conflicts import Conflict, MessageId, write_without_conflicts
from distribution.ledger.attempts.evidence import new_verdict
from distribution.ledger.attempts.settlements import Settlement
from distribution.ledger.chunks import update_in_chunks
from distribution.ledger.claims import PLANNED, Claim, ClaimedDelivery, SentAs
from distribution.ledger.partitions import keys
from distribution.ledger.reasons import REASON_OF_STATUS, DeliveryReason, halting_slugs
from distribution.models import Attempt, Delivery, Progress, Ruling, State, Verdict
from distribution.models.deliveries import CLAIMABLE, IN_HAND, DeliveryQuerySet
from distribution.runtime import partitions
from distribution.runtime.bulk_update import update_from
from distribution.runtime.halving import apply_in_halves
from subscribers.models import Status


def claim(
    distribution_id: int, batch_no: int, *, limit: int, now: datetime, lease: timedelta
) -> Claim:
    """Give up to `limit` due deliveries of a batch to exactly one caller.

    Recipients who left since the audience was frozen are skipped in the same transaction.
    When that many rows take too long, fewer are claimed.
    """
    try:
        return _claim(distribution_id, batch_no, limit=limit, now=now, lease=lease)
    except OperationalError:
        if limit <= 1 or not connection.is_usable():
            raise
        return claim(distribution_id, batch_no, limit=limit // 2, now=now, lease=lease)


def _claim(
    distribution_id: int, batch_no: int, *, limit: int, now: datetime, lease: timedelta
) -> Claim:
    given: dict[str, Any] = {"token": secrets.randbits(63), "lease_end": now + lease}
    if connection.vendor == "postgresql":
        given |= {"distribution": distribution_id, "batch": batch_no, "limit": limit, "now": now}
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            rows = claims.claimed_by(statements.claim(distribution_id), given)
        kept = [row for row in rows if row.status == Status.ACTIVE]
        return Claim(given["token"], kept, distribution_id)
    with transaction.atomic():
        rows = claims.claimable(distribution_id, batch_no, limit=limit, now=now)
        kept = [row for row in rows if row.status == Status.ACTIVE]
        if len(kept) < len(rows):
            _skip_left(keys.rows([row.pk for row in rows], distribution_id))
        if kept:
            update_from(
                Delivery,
                columns={"id": int},
                rows=[{"id": row.pk} for row in kept],
                assign=statements.CLAIM_ASSIGN,
                where=statements.CLAIM_WHERE,
                given=given,
            )
    return Claim(given["token"], kept, distribution_id)


def mark_inflight(
    claim: Claim,
    deliveries: Collection[ClaimedDelivery],
    *,
    number_id: int,
    now: datetime,
    lease: timedelta,
    sent_as: SentAs = PLANNED,
) -> set[int]:
    """Commit the intent to call, before the call. Only deliveries returned here may be sent.

    Left out are deliveries with another claim or too little lease left, of a distribution that was
    paused, is over or has taken another rung, or to people who have left; all of them if the number
    was taken out while its slots were awaited.
    """
    given = {"token": claim.token, "number": number_id, "now": now, "clock": now.timestamp()}
    given |= {"lease_end": now + lease, "least_lease": now + lease * statements.MIN_LEASE_SHARE}
    given |= {"rung": sent_as.rung_id, "place": sent_as.place}
    pks = {delivery.pk for delivery in deliveries}
    halving = apply_in_halves(
        [{"id": pk, "template": sent_as.templates.get(pk)} for pk in pks],
        lambda part: update_from(
            Delivery,
            columns=statements.MARK_COLUMNS,
            rows=part,
            assign=statements.MARK_ASSIGN,
            where=statements.MARK_WHERE,
            given=given,
            distributions=claim.distributions * len(part),
        ),
    )
    if sum(halving.done) == len(pks):
        return pks
    claimed = keys.rows(pks, claim.distribution_id).filter(claim_token=claim.token)
    return set(claimed.filter(state=State.INFLIGHT, inflight_at=now).values_list("pk", flat=True))


def skip_left(claim: Claim, pks: Collection[int]) -> int:
    """Leave out those of a claim, not marked yet, whose recipients have left; how many."""
    within = partitions.within(claim.distributions)
    held = Delivery.objects.filter(within, state=State.CLAIMED, claim_token=claim.token)
    return update_in_chunks(held, _skip_left, list(pks))


def numbers_in_flight(claim: Claim, deliveries: Iterable[ClaimedDelivery]) -> dict[int, int | None]:
    """The phone number of each of these that is marked in flight under this claim."""
    pks = [delivery.pk for delivery in deliveries]
    marked = keys.rows(pks, claim.distribution_id)
    marked = marked.filter(claim_token=claim.token, state=State.INFLIGHT)
    return dict(marked.values_list("pk", "number_id"))


def release_claim(claim: Claim, pks: Iterable[int], *, next_at: datetime) -> int:
    """Release deliveries that were not tried: no slot, or paused. No attempt is counted."""
    held = keys.rows(list(pks), claim.distribution_id)
    held = held.filter(state=State.CLAIMED, claim_token=claim.token)
    return held.update(state=State.PENDING, next_at=next_at, lease_until=None)


def settle(
    settlements: Sequence[Settlement],
    *,
    distribution_id: int | None = None,
    conflicts: list[Conflict] | None = None,
) -> int:
    """Record how attempts ended; a state that a faster webhook wrote is kept.

    Returns how many deliveries changed, all of one distribution if it is named. Attempts that were
    not accepted are kept as rows. So are message ids that another delivery has already; those are
    also added to `conflicts`.
    """
    known = conflicts if conflicts is not None else []
    halving = apply_in_halves(
        settlements,
        lambda part: write_without_conflicts(
            part,
            partial(_settle, distribution_id=distribution_id),
            message_id=lambda row: MessageId(row.attempt.delivery_id, row.wamid or "", row.at),
            without_id=lambda row: replace(row, wamid=None),
            conflicts=known,
        ),
    )
    if halving.failed:  # the others are written; the caller repeats them all, which is harmless
        raise halving.failed[0][1]
    return sum(halving.done)


def _settle(settlements: Sequence[Settlement], distribution_id: int | None) -> int:
    rows = [settlement.columns() for settlement in settlements]
    kept = [attempt for s in settlements if (attempt := s.evidence()) is not None]
    failed = [s.attempt.delivery_id for s in settlements if s.state == State.FAILED]
    several = kept or failed or connection.in_atomic_block
    # One statement needs no transaction; several do, and inside another one a savepoint.
    with transaction.atomic() if several else nullcontext():
        changed = update_from(
            Delivery,
            columns=statements.SETTLE_COLUMNS,
            rows=rows,
            assign=statements.SETTLE_ASSIGN,
            where=statements.SETTLE_WHERE,
            distributions=() if distribution_id is None else [distribution_id] * len(rows),
        )
        if kept:
            Attempt.objects.bulk_create(kept, ignore_conflicts=True)
        outbox.failures(failed, now=settlements[-1].at)
    return changed


def expire_leases(now: datetime) -> tuple[int, int]:
    """End the claims of workers that died; (claims freed, outcomes now unknown)."""
    freed = unknown = 0
    over = Delivery.objects.filter(lease_until__lt=now)
    for part in keys.by_partition(over.filter(state__in=IN_HAND)):
        freed += update_in_chunks(
            part.filter(state=State.CLAIMED),
            lambda rows: rows.update(state=State.PENDING, lease_until=None),
        )
        unknown += update_in_chunks(
            part.filter(state=State.INFLIGHT),
            lambda rows: rows.update(
                state=State.UNKNOWN,
                unknown_at=now,
                reason=DeliveryReason.NO_ANSWER,
                lease_until=None,
            ),
        )
    return freed, unknown


def skip(pks: Sequence[int], reason: str, *, distribution_id: int | None = None) -> int:
    """Leave these deliveries out before anything was sent; how many."""
    rows = keys.of(distribution_id)
    return update_in_chunks(rows, lambda part: _skip(part, reason), pks)


def skip_waiting(distribution_id: int, reason: str) -> int:
    """Leave out all deliveries that were not begun: cancelled, or the window is over."""
    waiting = Delivery.objects.filter(distribution_id=distribution_id, state__in=CLAIMABLE)
    return update_in_chunks(waiting, lambda rows: _skip(rows, reason))


def skip_rest(distribution_id: int, cause: str) -> int:
    """The window is over: leave out who still waits, with what kept each waiting as the reason: a
    fault of the account or the message template, else `cause` of the whole pause, else the time."""
    waiting = Delivery.objects.filter(distribution_id=distribution_id, state__in=CLAIMABLE)
    halted = waiting.filter(reason__in=halting_slugs())
    kept_reason = update_in_chunks(halted, lambda rows: rows.update(state=State.SKIPPED))
    return kept_reason + skip_waiting(distribution_id, cause or DeliveryReason.WINDOW_OVER)


def record_reports(
    rows: Sequence[Mapping[str, Any]],
    *,
    conflicts: list[Conflict],
    now: datetime,
) -> int:
    """Write the new columns (`REPORT_COLUMNS`) of locked deliveries; how many changed. Each row
    names its `distribution_id`.

    A message id that another delivery has already is left out and added to `conflicts`.
    """
    return write_without_conflicts(
        rows,
        _record_reports,
        message_id=lambda row: MessageId(row["id"], row["wamid"], now),
        without_id=lambda row: {**row, "wamid": None},
        conflicts=conflicts,
    )


def _record_reports(rows: Sequence[Mapping[str, Any]]) -> int:
    with transaction.atomic():
        return update_from(
            Delivery,
            columns=statements.REPORT_COLUMNS,
            rows=rows,
            assign=statements.REPORT_ASSIGN,
            where=statements.REPORT_WHERE,
            locked=True,
            distributions=[row["distribution_id"] for row in rows],
        )


def retry_failed(
    pks: Collection[int],
    *,
    distribution_id: int | None = None,
    by: User | None,
    reason: str,
    next_at: datetime,
    now: datetime,
) -> int:
    """Send deliveries again that failed for certain; how many. Each gets a verdict.

    `by` None: their failure hit everybody. The caller has locked the rows and checked that none
    of them can have been delivered.
    """
    failed = keys.rows(pks, distribution_id)
    failed = failed.filter(state=State.FAILED, progress__lt=Progress.DELIVERED)
    rows = list(failed.order_by("pk").select_for_update(of=("self",)))
    ruling = Ruling.HUMAN_RETRY if by else Ruling.RETURNED
    Verdict.objects.bulk_create(
        new_verdict(row, ruling, reason, {"failed": row.reason}, now, by) for row in rows
    )
    return failed.filter(pk__in=[row.pk for row in rows]).update(
        state=State.RETRY_WAIT, next_at=next_at, tries_charged=0, resend_no=0
    )


def _skip(deliveries: DeliveryQuerySet, reason: str) -> int:
    return deliveries.filter(state__in=CLAIMABLE).update(state=State.SKIPPED, reason=reason)


def _skip_left(rows: DeliveryQuerySet) -> int:
    """Two steps: an UPDATE that joins would look for the rows in every partition."""
    rows = rows.filter(state__in=(*CLAIMABLE, State.CLAIMED))
    left = defaultdict[Status, list[int]](list)
    found = rows.filter(subscriber__status__in=REASON_OF_STATUS)
    for pk, status in found.values_list("pk", "subscriber__status"):
        left[Status(status)].append(pk)
    return sum(
        rows.filter(pk__in=pks).update(
            state=State.SKIPPED, reason=REASON_OF_STATUS[status], lease_until=None
        )
        for status, pks in left.items()
    )
