"""The only writer of `Delivery` states on the way out: claim, mark, settle, give back, sweep.

Every step is one UPDATE that names the state it leaves, so it is right under any interleaving,
on both databases, and doing it twice changes nothing. What WhatsApp reports comes in through
`distribution/reports.py`.
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

from distribution import outbox
from distribution.attempt_ids import AttemptKey
from distribution.bulk import update_from
from distribution.evidence import UNKNOWN_OUTCOME, Conflict, doubt, keep_conflict, verdict
from distribution.models import (
    Attempt,
    AttemptOutcome,
    Delivery,
    Distribution,
    Progress,
    Ruling,
    State,
    Verdict,
)
from distribution.models.deliveries import CLAIMABLE, DeliveryQuerySet
from phonepool.reservation import OPEN_TO_CALLS
from subscribers.models import Status

OPTED_OUT = "opted_out"
CANCELLED = "cancelled"
WINDOW_OVER = "window"
# A claim must have this share of its lease left to begin a call; the rest is the call's time.
LEAST_LEASE = 0.25
# The two steps that every message takes are spelt out: Django puts such a statement together anew
# each time, which takes longer than running it.
CLAIM_ASSIGN = "state = 'CLAIMED', claim_token = %(token)s, lease_until = %(lease_end)s"
CLAIM_WHERE = "d.state IN ('PENDING', 'RETRY_WAIT')"
MARK_ASSIGN = """
    state = 'INFLIGHT', attempt_no = d.attempt_no + 1, number_id = %(number)s,
    inflight_at = %(now)s, lease_until = %(lease_end)s, unknown_at = NULL, wamid = NULL,
    progress = 0, sent_at = NULL, delivered_at = NULL, read_at = NULL, failed_at = NULL,
    failed_code = NULL
"""
OWNED = """
    d.claim_token = %(token)s AND d.state = 'CLAIMED'
    AND d.lease_until > %(least_lease)s
    AND EXISTS (SELECT 1 FROM distribution_distribution AS goes
                 WHERE goes.id = d.distribution_id
                   AND goes.state = 'SENDING' AND goes.window_end > %(now)s)
"""
MARK_WHERE = f"{OWNED} AND {OPEN_TO_CALLS}"


@dataclass(frozen=True, slots=True)
class Claim:
    """Some deliveries of one batch, given to one caller under one token."""

    token: int
    deliveries: list[Delivery]  # with their subscribers

    def attempt(self, delivery: Delivery) -> AttemptKey:
        """The attempt that marking this delivery in flight begins."""
        return AttemptKey(delivery.pk, delivery.attempt_no + 1, self.token)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How one attempt ended and what that makes of its delivery."""

    attempt: AttemptKey
    state: State  # ACCEPTED, HELD, RETRY_WAIT, FAILED, SKIPPED or UNKNOWN
    at: datetime
    reason: str = ""
    wamid: str | None = None
    next_at: datetime | None = None
    charged: bool = False  # counts against the recipient's retry limit
    outcome: AttemptOutcome | None = None  # kept as evidence; None: nothing to keep
    number_id: int | None = None
    code: int | None = None
    http_status: int | None = None
    details: str = ""  # Meta's words, masked
    fbtrace_id: str = ""
    started_at: datetime | None = None


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
            _update(kept, CLAIM_ASSIGN, CLAIM_WHERE, {"token": token, "lease_end": now + lease})
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
    given |= {"lease_end": now + lease, "least_lease": now + lease * LEAST_LEASE}
    pks = {delivery.pk for delivery in deliveries}
    if _update(deliveries, MARK_ASSIGN, MARK_WHERE, given) == len(pks):
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


SETTLE_COLUMNS: dict[str, type] = {
    "id": int,
    "attempt_no": int,
    "claim_token": int,
    "state": str,
    "reason": str,
    "wamid": str,
    "at": datetime,
    "next_at": datetime,
    "charged": int,
    "code": int,
}
SETTLE_ASSIGN = """
    state = v.state,
    reason = v.reason,
    lease_until = NULL,
    wamid = COALESCE(d.wamid, v.wamid),
    accepted_at = CASE WHEN v.state IN ('ACCEPTED', 'HELD')
                       THEN COALESCE(d.accepted_at, v.at) ELSE d.accepted_at END,
    unknown_at = CASE WHEN v.state = 'UNKNOWN' THEN v.at ELSE NULL END,
    next_at = COALESCE(v.next_at, d.next_at),
    failed_code = COALESCE(v.code, d.failed_code),
    tries_charged = d.tries_charged + v.charged
"""
# Truth from Meta is welcome even after the lease ended; every other word needs the claim.
SETTLE_WHERE = """
    d.attempt_no = v.attempt_no AND d.claim_token = v.claim_token
    AND (d.state = 'INFLIGHT' OR (d.state = 'UNKNOWN' AND v.state IN ('ACCEPTED', 'HELD')))
"""


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
    rows = [
        {
            "id": s.attempt.delivery_id,
            "attempt_no": s.attempt.attempt_no,
            "claim_token": s.attempt.claim_token,
            "state": str(s.state),
            "reason": s.reason,
            "wamid": s.wamid,
            "at": s.at,
            "next_at": s.next_at,
            "charged": int(s.charged),
            "code": s.code,
        }
        for s in settlements
    ]
    kept = [_evidence(s, s.outcome) for s in settlements if s.outcome]
    failed = [s.attempt.delivery_id for s in settlements if s.state == State.FAILED]
    several = kept or failed or connection.in_atomic_block
    # One statement is a transaction by itself; evidence makes it two, an outer one a savepoint.
    with transaction.atomic() if several else nullcontext():
        changed = update_from(
            Delivery, columns=SETTLE_COLUMNS, rows=rows, assign=SETTLE_ASSIGN, where=SETTLE_WHERE
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


def _evidence(s: Settlement, outcome: AttemptOutcome) -> Attempt:
    return Attempt(
        delivery_id=s.attempt.delivery_id,
        attempt_id=str(s.attempt),
        number_id=s.number_id,
        outcome=outcome,
        reason=s.reason,
        code=s.code,
        http_status=s.http_status,
        details=s.details,
        fbtrace_id=s.fbtrace_id,
        started_at=s.started_at,
        ended_at=s.at,
    )


def expire_leases(now: datetime) -> tuple[int, int]:
    """End the claims of workers that never came back; (claims freed, outcomes in doubt)."""
    over = Delivery.objects.filter(lease_until__lt=now)
    freed = over.filter(state=State.CLAIMED).update(state=State.PENDING, lease_until=None)
    doubtful = over.filter(state=State.INFLIGHT).update(
        state=State.UNKNOWN, unknown_at=now, reason=UNKNOWN_OUTCOME, lease_until=None
    )
    return freed, doubtful


def skip_waiting(distribution_id: int, reason: str) -> int:
    """What was not begun is not sent any more: cancelled, or the window is over."""
    waiting = Delivery.objects.filter(distribution_id=distribution_id, state__in=CLAIMABLE)
    return _skip(waiting, reason)


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
