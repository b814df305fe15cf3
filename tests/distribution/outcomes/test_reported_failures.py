from __future__ import annotations

import pytest

from distribution.analytics import counts
from distribution.ledger import deliveries
from distribution.ledger.attempts import evidence
from distribution.models import (
    Alert,
    Attempt,
    Delivery,
    Distribution,
    DistributionState,
    Duplicate,
    State,
)
from distribution.outcomes import duplicates
from phonepool.models import PhoneNumber
from tests.builders import LEASE
from tests.distribution.reported_statuses import (
    LATER,
    LOST,
    NOT_ON_WHATSAPP,
    RESEND,
    THROTTLED,
    Run,
    delivery,
    receive,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(db) -> Run:
    return Run()


# --- failures ---------------------------------------------------------------------------------


def test_a_reported_failure_is_kept_as_evidence_once(run):
    attempt = run.accepted()

    for _ in range(2):
        receive("failed", attempt, code=NOT_ON_WHATSAPP)

    row, kept = delivery(), Attempt.objects.get()
    assert (row.state, row.reason, row.failed_code) == (
        State.FAILED,
        "undeliverable",
        NOT_ON_WHATSAPP,
    )
    assert (kept.attempt_id, kept.outcome, kept.code) == (str(attempt), "REPORTED", NOT_ON_WHATSAPP)


def test_what_meta_lost_is_sent_again_once(run):
    attempt = run.accepted()

    receive("failed", attempt, code=LOST)

    row = delivery()
    assert (row.state, row.reason, row.resend_no) == (State.RETRY_WAIT, "send_failed", 1)
    assert row.next_at == LATER + RESEND

    claim = run.attempt(now=LATER + RESEND)
    run.settle(claim, State.ACCEPTED, wamid="wamid.second")
    receive("failed", claim.attempt(claim.deliveries[0]), code=LOST)
    assert (delivery().state, delivery().reason) == (State.FAILED, "send_failed")


def test_who_was_throttled_late_and_then_lost_by_meta_gets_the_resend_all_the_same(run):
    receive("failed", run.accepted(), code=THROTTLED)
    states = []
    for _ in range(2):
        claim = run.attempt(now=LATER + RESEND * 4)
        run.settle(claim, State.ACCEPTED, wamid=f"wamid.{len(states)}")
        receive("failed", claim.attempt(claim.deliveries[0]), code=LOST)
        states.append((delivery().state, delivery().resend_no))

    assert states == [(State.RETRY_WAIT, 1), (State.FAILED, 1)]


@pytest.mark.parametrize(
    "where",
    [DistributionState.COMPLETED, DistributionState.CANCELLED],
    ids=["completed", "cancelled"],
)
def test_what_meta_lost_after_the_end_has_failed(run, where):
    attempt = run.accepted()
    Distribution.objects.update(state=where)

    receive("failed", attempt, code=LOST)

    assert (delivery().state, delivery().reason) == (State.FAILED, "send_failed")


def test_what_meta_lost_while_paused_waits(run):
    attempt = run.accepted()
    Distribution.objects.update(state=DistributionState.PAUSED)

    receive("failed", attempt, code=LOST)

    assert delivery().state == State.RETRY_WAIT


def test_late_good_news_stops_a_waiting_resend(run):
    attempt = run.accepted()
    receive("failed", attempt, code=LOST)

    receive("delivered", attempt)

    assert (delivery().state, delivery().reason) == (State.ACCEPTED, "")
    assert run.attempt(now=LATER + RESEND).deliveries == []


def test_good_news_stops_the_resend_of_an_unanswered_call(run):
    attempt = run.unanswered()
    assert delivery().state == State.RETRY_WAIT

    receive("sent", attempt, wamid="wamid.late")

    assert (delivery().state, delivery().wamid) == (State.ACCEPTED, "wamid.late")
    assert run.attempt(now=LATER).deliveries == []
    assert not Alert.objects.exists()


def test_good_news_stops_a_resend_that_is_claimed_already(run):
    attempt = run.unanswered()
    claim = deliveries.claim(run.distribution.pk, 0, limit=50, now=LATER, lease=LEASE)

    receive("sent", attempt, wamid="wamid.late")

    number_id = PhoneNumber.objects.first().pk
    assert (
        deliveries.mark_inflight(
            claim, claim.deliveries, number_id=number_id, now=LATER, lease=LEASE
        )
        == set()
    )
    assert delivery().state == State.ACCEPTED


# --- two messages -----------------------------------------------------------------------------


@pytest.mark.parametrize("second", ["inflight", "unknown", "accepted", "held"])
def test_good_news_of_an_earlier_attempt_after_a_resend_is_a_double_and_told(run, second):
    first = run.unanswered()
    claim = run.attempt(now=LATER)
    proven = second in ("accepted", "held")
    if second != "inflight":
        wamid = "wamid.second" if proven else None
        run.settle(claim, State[second.upper()], reason="", wamid=wamid)
    before = Delivery.objects.values().get()

    applied = receive("delivered", first, wamid="wamid.first")

    assert (applied.changed, len(applied.duplicates), applied.unmatched) == (0, 1, [])
    assert Delivery.objects.values().get() == before
    record = Duplicate.objects.get()
    assert record.certainty == ("CONFIRMED" if proven else "SUSPECT")
    assert (record.earlier_attempt, record.earlier_wamid) == (str(first), "wamid.first")
    assert record.later_attempt == evidence.latest_attempt_id(delivery())
    assert record.later_wamid == ("wamid.second" if proven else "")
    alert = Alert.objects.get()
    rule = "duplicate_confirmed" if proven else "duplicate_suspect"
    assert (alert.rule, alert.scope) == (rule, f"delivery {before['id']}")


def test_a_suspicion_becomes_certain_once_the_later_message_is_proven(run):
    first = run.unanswered()
    claim = run.attempt(now=LATER)
    receive("sent", first, wamid="wamid.first")
    assert duplicates.confirm_suspects(LATER) == 0

    run.settle(claim, State.ACCEPTED, reason="", wamid="wamid.second")

    assert duplicates.confirm_suspects(LATER) == 1
    assert duplicates.confirm_suspects(LATER) == 0
    record = Duplicate.objects.get()
    assert (record.certainty, record.later_wamid) == ("CONFIRMED", "wamid.second")
    open_ones = Alert.objects.filter(closed_at=None).values_list("rule", flat=True)
    assert list(open_ones) == ["duplicate_confirmed"]
    assert counts.duplicate_counts(delivery().distribution_id) == {"confirmed": 1, "suspected": 0}


def test_one_call_that_became_two_messages_is_a_double(run):
    first = run.accepted()

    applied = receive("delivered", first, wamid="wamid.of.another.message")

    assert len(applied.duplicates) == 1
    assert delivery().progress == 2
    assert Duplicate.objects.get().certainty == "CONFIRMED"


def test_a_failure_of_an_earlier_attempt_says_nothing_of_the_later(run):
    first = run.unanswered()
    run.settle(run.attempt(now=LATER), State.ACCEPTED, wamid="wamid.second")

    applied = receive("failed", first, code=LOST)

    assert (applied.changed, applied.duplicates) == (0, [])
    assert delivery().state == State.ACCEPTED


def test_when_the_resend_was_refused_the_earlier_attempts_good_news_counts(run):
    first = run.unanswered()
    run.settle(run.attempt(now=LATER), State.FAILED, reason="undeliverable", wamid=None)

    receive("delivered", first, wamid="wamid.first")

    assert (delivery().state, delivery().wamid) == (State.ACCEPTED, "wamid.first")
    assert not Alert.objects.exists()


@pytest.mark.parametrize("named", [True, False])
def test_a_late_sent_of_an_attempt_that_meta_failed_does_not_end_the_retry(run, named):
    """Webhooks may be repeated for days and in any order: `sent` is older than `failed`."""
    first = run.accepted()
    wamid = f"wamid.{delivery().pk}"
    receive("sent", first, wamid=wamid)
    receive("failed", first if named else None, wamid=wamid, code=LOST)
    refused = {"reason": "throughput_exceeded", "wamid": None, "next_at": LATER + 2 * RESEND}
    run.settle(run.attempt(now=LATER + RESEND), State.RETRY_WAIT, **refused)

    applied = receive("sent", first, wamid=wamid)

    assert (applied.changed, applied.duplicates, applied.unmatched) == (0, [], [])
    assert delivery().state == State.RETRY_WAIT
    assert [row.pk for row in run.attempt(now=LATER + 2 * RESEND).deliveries] == [delivery().pk]


def test_a_double_is_noticed_although_the_failure_before_it_named_no_attempt(run):
    first = run.accepted()
    receive("failed", None, wamid=f"wamid.{delivery().pk}", code=LOST)
    run.settle(run.attempt(now=LATER + RESEND), State.ACCEPTED, wamid="wamid.second")

    applied = receive("delivered", first)

    assert ([double.delivery_id for double in applied.duplicates], applied.unmatched) == (
        [delivery().pk],
        [],
    )
