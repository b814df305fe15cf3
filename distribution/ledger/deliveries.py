"""The only writer of `Delivery.state`, as a test of the sources shows.

Every step is one UPDATE that names the state it leaves, so it is right under any interleaving,
on both databases, and doing it twice changes nothing. `distribution/lifecycle/audience.py` inserts
the rows; their other columns are also written by `restored`, `clocks` and `person`.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Greatest

from distribution.ledger import outbox, statements
from distribution.ledger.attempt_ids import AttemptKey
from distribution.ledger.evidence import UNKNOWN_OUTCOME, Conflict, doubt, keep_conflict, verdict
from distribution.ledger.settlements import Settlement
from distribution.models import Attempt, Delivery, Distribution, Progress, Ruling, State, Verdict
from distribution.models.deliveries import CLAIMABLE, DeliveryQuerySet
from distribution.runtime.bulk_update import update_from
from subscribers.models import Status

OPTED_OUT = "opted_out"
CANCELLED = "cancelled"
WINDOW_OVER = "window"
MAY_SEND = (*CLAIMABLE, State.CLAIMED, State.INFLIGHT, State.UNKNOWN)  # a byte left, or may yet
CHUNK = 5000  # SQLite bounds the parameters of one statement


@dataclass(frozen=True, slots=True)
class Claim:
    """Some deliveries of one batch, given to one caller under one token."""

    token: int
    deliveries: list[Delivery]  # with their subscribers

    def attempt(self, delivery: Delivery) -> AttemptKey:
        """The attempt that marking this delivery in flight begins."""
        return AttemptKey(delivery.pk, delivery.attempt_no + 1, self.token)


def claim(
    distribution_id: int, batch_no: int, *, limit: int, now: datetime, lease: timedelta
) -> Claim:
    """Give up to `limit` due deliveries of a batch to exactly one caller.

    Whoever opted out since the audience was frozen is skipped here, in the same transaction.
    """
    token = secrets.randbits(63)
    with transaction.atomic():
        rows = list(_claimable(distribution_id, batch_no, now)[:limit])
        gone = [row.pk for row in rows if row.subscriber.status != Status.ACTIVE]
        if gone:
            _skip(Delivery.objects.filter(pk__in=gone), OPTED_OUT)
        kept = [row for row in rows if row.pk not in set(gone)]
        if kept:
            given = {"token": token, "lease_end": now + lease}
            _update(kept, statements.CLAIM_ASSIGN, statements.CLAIM_WHERE, given)
    return Claim(token, kept)


# What a sender needs to know; reading whole rows doubles the cost of a claim.
CLAIM_COLUMNS = (
    *("phone", "attempt_no", "tries_charged", "subscriber__status", "subscriber__name"),
    *("subscriber__tier", "subscriber__language", "subscriber__attributes"),
)


def _claimable(distribution_id: int, batch_no: int, now: datetime) -> DeliveryQuerySet:
    due = Delivery.objects.due(now).filter(
        distribution_id=distribution_id,
        batch_no=batch_no,
        distribution__in=Distribution.objects.sending().filter(window_end__gt=now),
    )
    # PostgreSQL passes over rows being claimed; SQLite's transaction holds the only pen.
    return (
        due.select_related("subscriber")
        .only(*CLAIM_COLUMNS)
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)
    )


def mark_inflight(
    claim: Claim,
    deliveries: Collection[Delivery],
    *,
    number_id: int,
    now: datetime,
    lease: timedelta,
) -> set[int]:
    """Commit the intent to call, before the call. Only deliveries returned here may be sent.

    Left out: whoever lost the claim, has too little lease left, or is paused or late by now;
    everybody, when the number fell out while its slots were waited for.
    """
    given = {"token": claim.token, "number": number_id, "now": now, "clock": now.timestamp()}
    given |= {"lease_end": now + lease, "least_lease": now + lease * statements.LEAST_LEASE}
    pks = {delivery.pk for delivery in deliveries}
    if _update(deliveries, statements.MARK_ASSIGN, statements.MARK_WHERE, given) == len(pks):
        return pks
    mine = Delivery.objects.filter(pk__in=pks, claim_token=claim.token)
    return set(mine.filter(state=State.INFLIGHT, inflight_at=now).values_list("pk", flat=True))


def numbers_in_flight(claim: Claim, deliveries: Iterable[Delivery]) -> dict[int, int | None]:
    """The phone number of each of these that is marked in flight under this claim."""
    pks = [delivery.pk for delivery in deliveries]
    mine = Delivery.objects.filter(pk__in=pks, claim_token=claim.token, state=State.INFLIGHT)
    return dict(mine.values_list("pk", "number_id"))


def _update(
    deliveries: Collection[Delivery], assign: str, where: str, given: Mapping[str, Any]
) -> int:
    rows = [{"id": delivery.pk} for delivery in deliveries]
    return update_from(
        Delivery, columns={"id": int}, rows=rows, assign=assign, where=where, given=given
    )


def give_back(claim: Claim, pks: Iterable[int], *, next_at: datetime) -> int:
    """Untried after all: no slot, or paused. No byte was sent, no attempt counted."""
    held = Delivery.objects.filter(pk__in=list(pks), state=State.CLAIMED, claim_token=claim.token)
    return held.update(state=State.PENDING, next_at=next_at, lease_until=None)


def settle(settlements: Sequence[Settlement], *, conflicts: list[Conflict] | None = None) -> int:
    """Write down how attempts ended; a webhook that overtook one keeps its word.

    Returns how many deliveries changed. Attempts that did not end accepted are kept as rows, and
    so are message ids that another delivery has already: those are added to `conflicts`, too.
    """
    if not settlements:
        return 0
    try:
        return _settle(settlements)
    except IntegrityError:  # one message id for two deliveries: it must not spoil its neighbours
        found = conflicts if conflicts is not None else []
        return sum(_settle_alone(settlement, found) for settlement in settlements)


def _settle(settlements: Sequence[Settlement]) -> int:
    rows = [settlement.columns() for settlement in settlements]
    kept = [attempt for s in settlements if (attempt := s.evidence()) is not None]
    failed = [s.attempt.delivery_id for s in settlements if s.state == State.FAILED]
    several = kept or failed or connection.in_atomic_block
    # One statement is a transaction by itself; evidence makes it two, an outer one a savepoint.
    with transaction.atomic() if several else nullcontext():
        changed = update_from(
            Delivery,
            columns=statements.SETTLE_COLUMNS,
            rows=rows,
            assign=statements.SETTLE_ASSIGN,
            where=statements.SETTLE_WHERE,
        )
        if kept:
            Attempt.objects.bulk_create(kept, ignore_conflicts=True)
        outbox.failures(failed, now=settlements[-1].at)
    return changed


def _settle_alone(settlement: Settlement, conflicts: list[Conflict]) -> int:
    try:
        with transaction.atomic():
            return _settle([settlement])
    except IntegrityError:
        changed = _settle([replace(settlement, wamid=None)])
        pk, wamid = settlement.attempt.delivery_id, settlement.wamid or ""
        if changed and (conflict := keep_conflict(pk, wamid, settlement.at)):
            conflicts.append(conflict)
        return changed


def expire_leases(now: datetime) -> tuple[int, int]:
    """End the claims of workers that never came back; (claims freed, outcomes in doubt)."""
    over = Delivery.objects.filter(lease_until__lt=now)
    freed = over.filter(state=State.CLAIMED).update(state=State.PENDING, lease_until=None)
    doubtful = over.filter(state=State.INFLIGHT).update(
        state=State.UNKNOWN, unknown_at=now, reason=UNKNOWN_OUTCOME, lease_until=None
    )
    return freed, doubtful


def skip(pks: Sequence[int], reason: str) -> int:
    """These people are left out of the distribution before anything was sent; how many."""
    return sum(
        _skip(Delivery.objects.filter(pk__in=pks[start : start + CHUNK]), reason)
        for start in range(0, len(pks), CHUNK)
    )


def skip_waiting(distribution_id: int, reason: str) -> int:
    """What was not begun is not sent any more: cancelled, or the window is over."""
    waiting = Delivery.objects.filter(distribution_id=distribution_id, state__in=CLAIMABLE)
    return _skip(waiting, reason)


def record_reports(
    rows: Sequence[Mapping[str, Any]], *, conflicts: list[Conflict], now: datetime
) -> int:
    """Write what reports make of locked deliveries (columns of `REPORT_COLUMNS`); how many changed.

    A message id that another delivery has already is left out and added to `conflicts`.
    """
    try:
        with transaction.atomic():
            return _record_reports(rows)
    except IntegrityError:  # one message id for two deliveries: it must not spoil its neighbours
        return sum(_record_report_alone(row, conflicts, now) for row in rows)


def _record_report_alone(row: Mapping[str, Any], conflicts: list[Conflict], now: datetime) -> int:
    try:
        with transaction.atomic():
            return _record_reports([row])
    except IntegrityError:
        changed = _record_reports([{**row, "wamid": None}])
        if changed and (conflict := keep_conflict(row["id"], row["wamid"], now)):
            conflicts.append(conflict)
        return changed


def _record_reports(rows: Sequence[Mapping[str, Any]]) -> int:
    return update_from(
        Delivery,
        columns=statements.REPORT_COLUMNS,
        rows=rows,
        assign=statements.REPORT_ASSIGN,
        where=statements.REPORT_WHERE,
    )


def mark_unknown(pks: Collection[int], reason: str, *, now: datetime) -> int:
    """The outcome of these is unknown, tried or not: only a report or a person may end it.

    No automatic resend is left, and each has an attempt that a report could name.
    """
    return Delivery.objects.filter(pk__in=pks, state__in=MAY_SEND).update(
        state=State.UNKNOWN,
        reason=reason,
        unknown_at=now,
        lease_until=None,
        ambiguous_no=Greatest("ambiguous_no", 1),
        attempt_no=Greatest("attempt_no", 1),
        claim_token=Coalesce("claim_token", secrets.randbits(63)),
        inflight_at=Coalesce("inflight_at", now),
    )


def retry_unknown(
    pks: Collection[int],
    *,
    next_at: datetime,
    now: datetime,
    evidence: Mapping[int, dict[str, Any]] | None = None,
) -> int:
    """Every gate said "not accepted": send again, at most once in a delivery's life.

    What the gates saw of each (`evidence` by key) is kept as a verdict in the same transaction.
    """
    with transaction.atomic():
        doubtful = Delivery.objects.filter(pk__in=pks, state=State.UNKNOWN, ambiguous_no=0)
        rows = list(doubtful.order_by("pk").select_for_update(of=("self",)))
        # Kept, so that a late word about the first call is still recognised.
        Attempt.objects.bulk_create([doubt(row, now) for row in rows], ignore_conflicts=True)
        why = "Its neighbours were reported, it was not."
        seen = evidence or {}
        Verdict.objects.bulk_create(
            [verdict(row, Ruling.SEND_AGAIN, why, seen.get(row.pk), now) for row in rows]
        )
        return doubtful.filter(pk__in=[row.pk for row in rows]).update(
            state=State.RETRY_WAIT, next_at=next_at, ambiguous_no=1, unknown_at=None
        )


def leave_unconfirmed(
    pks: Collection[int], reason: str, *, now: datetime, evidence: dict[str, Any] | None = None
) -> int:
    """Unknown to the end: a human decides. Why the rules did not is kept as a verdict."""
    with transaction.atomic():
        doubtful = Delivery.objects.filter(pk__in=pks, state__in=[State.UNKNOWN, State.HELD])
        rows = list(doubtful.order_by("pk").select_for_update(of=("self",)))
        Verdict.objects.bulk_create(
            [verdict(row, Ruling.UNCONFIRMED, reason, evidence, now) for row in rows]
        )
        return doubtful.filter(pk__in=[row.pk for row in rows]).update(
            state=State.UNCONFIRMED, reason=reason
        )


def send_by_hand(pk: int, *, next_at: datetime) -> int:
    """A human takes the risk of a second message; their verdict is written beside it."""
    return Delivery.objects.filter(pk=pk, state=State.UNCONFIRMED).update(
        state=State.RETRY_WAIT, next_at=next_at, unknown_at=None, ambiguous_no=F("ambiguous_no") + 1
    )


def try_failed_again(
    pks: Collection[int], *, by: User, reason: str, next_at: datetime, now: datetime
) -> int:
    """A person sends to those that failed for certain again; how many. Each gets a verdict.

    The caller has locked the rows and made sure that none of them can have been delivered.
    """
    failed = Delivery.objects.filter(
        pk__in=pks, state=State.FAILED, progress__lt=Progress.DELIVERED
    )
    rows = list(failed.order_by("pk").select_for_update(of=("self",)))
    Verdict.objects.bulk_create(
        verdict(row, Ruling.HUMAN_RETRY, reason, {"failed": row.reason}, now, by) for row in rows
    )
    return failed.filter(pk__in=[row.pk for row in rows]).update(
        state=State.RETRY_WAIT, next_at=next_at, tries_charged=0, resend_no=0
    )


def _skip(deliveries: DeliveryQuerySet, reason: str) -> int:
    return deliveries.filter(state__in=CLAIMABLE).update(state=State.SKIPPED, reason=reason)
