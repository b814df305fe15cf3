from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.db.models import QuerySet

from distribution.ledger import deliveries, doubts
from distribution.ledger.attempts.settlements import Settlement
from distribution.ledger.claims import Claim
from distribution.models import Attempt, AttemptOutcome, Delivery, DistributionState, State
from subscribers.models import Status, Subscriber
from tests.builders import LEASE, a_number, an_open_distribution

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India


def claim(distribution, *, now=NOW, limit=50) -> Claim:
    return deliveries.claim(distribution.pk, 0, limit=limit, now=now, lease=LEASE)


def mark(taken: Claim, *, now=NOW, number=None) -> set[int]:
    number_id = number.pk if number else a_number().pk
    return deliveries.mark_inflight(
        taken, taken.deliveries, number_id=number_id, now=now, lease=LEASE
    )


def settled(taken: Claim, delivery: Delivery, to: State, **fields) -> Settlement:
    return Settlement(taken.attempt(delivery), to, NOW, **fields)


@pytest.fixture
def distribution(db):
    return an_open_distribution(3, now=NOW)


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


def test_a_claim_belongs_to_one_caller(distribution):
    first, second = claim(distribution, limit=2), claim(distribution)

    assert [len(first.deliveries), len(second.deliveries)] == [2, 1]
    assert claim(distribution).deliveries == []


def test_rows_that_are_not_due_are_left(distribution):
    Delivery.objects.update(next_at=NOW + timedelta(seconds=1))

    assert claim(distribution).deliveries == []


@pytest.mark.parametrize(
    "change",
    [{"state": DistributionState.PAUSED}, {"window_end": NOW}],
    ids=["paused", "window over"],
)
def test_nothing_is_claimed_outside_the_sending(distribution, change):
    type(distribution).objects.update(**change)

    assert claim(distribution).deliveries == []


def test_who_opted_out_since_the_audience_was_frozen_is_skipped(distribution):
    gone = Subscriber.objects.first()
    Subscriber.objects.filter(pk=gone.pk).update(status=Status.UNSUBSCRIBED)

    taken = claim(distribution)

    assert gone.pk not in {row.subscriber_id for row in taken.deliveries}
    skipped = Delivery.objects.get(subscriber=gone)
    assert (skipped.state, skipped.reason) == (State.SKIPPED, "opted_out")


def test_marking_counts_the_attempt_and_names_it(distribution):
    taken = claim(distribution)

    marked = mark(taken)

    assert marked == {row.pk for row in taken.deliveries}
    row = Delivery.objects.first()
    assert (row.state, row.attempt_no, row.claim_token) == (State.INFLIGHT, 1, taken.token)
    assert str(taken.attempt(taken.deliveries[0])) == f"daybreak:{row.pk}.1.{taken.token:x}"


def test_a_claim_with_little_lease_left_may_not_send(distribution):
    taken = claim(distribution)

    assert mark(taken, now=NOW + LEASE * 0.76) == set()
    assert states() == [State.CLAIMED] * 3


def test_a_lost_claim_may_not_send(distribution):
    taken = claim(distribution)
    later = NOW + LEASE + timedelta(seconds=1)
    assert deliveries.expire_leases(later) == (3, 0)
    claim(distribution, now=later)  # somebody else's now

    assert mark(taken) == set()


def test_a_paused_distribution_sends_nothing_more(distribution):
    taken = claim(distribution)
    type(distribution).objects.update(state=DistributionState.PAUSED)

    assert mark(taken) == set()


def test_an_accepted_call_is_written_down_once(distribution):
    taken = claim(distribution)
    mark(taken)
    good = settled(taken, taken.deliveries[0], State.ACCEPTED, wamid="wamid.1")

    assert [deliveries.settle([good]), deliveries.settle([good])] == [1, 0]
    row = Delivery.objects.get(pk=taken.deliveries[0].pk)
    assert (row.state, row.wamid, row.accepted_at) == (State.ACCEPTED, "wamid.1", NOW)


def test_an_answer_after_the_lease_ended_is_still_welcome(distribution):
    taken = claim(distribution)
    mark(taken)
    assert deliveries.expire_leases(NOW + LEASE * 2) == (0, 3)

    late = settled(taken, taken.deliveries[0], State.ACCEPTED, wamid="wamid.1")
    refusal = settled(taken, taken.deliveries[1], State.FAILED, reason="undeliverable")

    assert [deliveries.settle([late]), deliveries.settle([refusal])] == [1, 0]
    assert states() == [State.ACCEPTED, State.UNKNOWN, State.UNKNOWN]


def test_a_refusal_is_kept_as_evidence(distribution):
    taken = claim(distribution)
    mark(taken)
    later = NOW + timedelta(seconds=5)
    refusal = settled(
        taken,
        taken.deliveries[0],
        State.RETRY_WAIT,
        reason="service_down",
        next_at=later,
        charged=True,
        outcome="REJECTED",
        code=2,
        http_status=503,
        details="Service down.",
        fbtrace_id="AbC1",
    )

    deliveries.settle([refusal])

    row = Delivery.objects.get(pk=taken.deliveries[0].pk)
    assert (row.state, row.next_at, row.tries_charged) == (State.RETRY_WAIT, later, 1)
    kept = Attempt.objects.get()
    assert (kept.attempt_id, kept.reason, kept.code) == (
        str(taken.attempt(row_before(taken, row.pk))),
        "service_down",
        2,
    )
    assert (kept.details, kept.fbtrace_id) == ("Service down.", "AbC1")


def row_before(taken: Claim, pk: int) -> Delivery:
    return next(row for row in taken.deliveries if row.pk == pk)


def test_one_message_id_for_two_deliveries_does_not_spoil_the_others(distribution):
    taken = claim(distribution)
    mark(taken)
    one, two, three = taken.deliveries

    deliveries.settle(
        [
            settled(taken, one, State.ACCEPTED, wamid="wamid.same"),
            settled(taken, two, State.ACCEPTED, wamid="wamid.same"),
            settled(taken, three, State.ACCEPTED, wamid="wamid.3"),
        ]
    )

    assert states() == [State.ACCEPTED] * 3
    assert sorted(filter(None, Delivery.objects.values_list("wamid", flat=True))) == [
        "wamid.3",
        "wamid.same",
    ]


def test_what_is_given_back_counts_no_attempt(distribution):
    taken = claim(distribution)
    later = NOW + timedelta(seconds=2)

    deliveries.release_claim(taken, [row.pk for row in taken.deliveries], next_at=later)

    assert list(Delivery.objects.values_list("state", "attempt_no", "next_at").distinct()) == [
        (State.PENDING, 0, later)
    ]


def test_an_unknown_outcome_is_sent_again_at_most_once(distribution):
    taken = claim(distribution)
    mark(taken)
    deliveries.expire_leases(NOW + LEASE * 2)
    pks = [row.pk for row in taken.deliveries]

    assert doubts.retry_unknown(pks, next_at=NOW, now=NOW) == 3
    Delivery.objects.update(state=State.UNKNOWN)  # the second call's answer is lost, too
    assert doubts.retry_unknown(pks, next_at=NOW, now=NOW) == 0
    assert Attempt.objects.filter(outcome="UNKNOWN").count() == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "SENDING"},
        {"state": State.CLAIMED},
        {"state": State.ACCEPTED},
        {"state": State.FAILED},
        {"progress": 4},
    ],
)
def test_the_database_refuses_what_may_not_be(distribution, wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.update(**wrong)


@pytest.mark.parametrize("wrong", ["", "ACCEPTED", "rejected"])
def test_an_attempt_ends_in_one_of_the_known_ways(distribution, wrong):
    row = Delivery.objects.first()
    with pytest.raises(IntegrityError, match="attempt_outcome_known"), transaction.atomic():
        Attempt.objects.create(delivery=row, attempt_id="one", outcome=wrong, ended_at=NOW)
    for outcome in AttemptOutcome:
        Attempt.objects.create(delivery=row, attempt_id="one", outcome=outcome, ended_at=NOW)


def test_the_database_keeps_attempts_as_they_were_written(distribution):
    row = Delivery.objects.first()
    kept = Attempt.objects.create(delivery=row, attempt_id="one", outcome="REJECTED", ended_at=NOW)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        QuerySet(Attempt).filter(pk=kept.pk).update(outcome="NOT_SENT")


@pytest.mark.parametrize("same", ["subscriber_id", "phone"])
def test_nobody_can_be_owed_a_distribution_twice(distribution, same):
    one, two, *_ = Delivery.objects.order_by("pk")
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.filter(pk=two.pk).update(**{same: getattr(one, same)})


@pytest.mark.django_db(transaction=True)
def test_rows_being_claimed_are_passed_over_not_waited_for():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time: there is nothing to pass over")
    distribution = an_open_distribution(3, now=NOW)

    def claim_elsewhere() -> int:
        try:
            return len(claim(distribution).deliveries)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as other, transaction.atomic():
        claim(distribution, limit=2)  # not committed yet
        theirs = other.submit(claim_elsewhere).result(timeout=5)

    assert theirs == 1


@pytest.mark.django_db(transaction=True)
def test_eight_callers_at_once_share_the_rows_without_overlap():
    distribution = an_open_distribution(40, now=NOW)

    def claim_some(_: int) -> list[int]:
        try:
            return [row.pk for row in claim(distribution, limit=7).deliveries]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as callers:
        taken = [pk for pks in callers.map(claim_some, range(8)) for pk in pks]

    assert len(taken) == len(set(taken)) == 40
