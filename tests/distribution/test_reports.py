from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import permutations
from threading import Barrier

import pytest
from django.conf import settings
from django.db import connection, connections, transaction

from distribution import duplicates, reports, state
from distribution.attempt_ids import AttemptKey, parse
from distribution.models import (
    Alert,
    Attempt,
    Delivery,
    Distribution,
    DistributionState,
    Duplicate,
    Progress,
    State,
)
from distribution.reports import Applied, advance
from distribution.state import Claim, Settlement
from distribution.transitions import StatusReport
from phonepool.models import PhoneNumber
from tests.builders import LEASE, an_open_distribution

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
RESEND = timedelta(seconds=settings.RETRY_DELAYS_SECONDS[0])
LOST, NOT_ON_WHATSAPP = 131000, 131026


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class Run:
    """A distribution on its way, moved by hand."""

    def __init__(self, people: int = 1) -> None:
        self.distribution = an_open_distribution(people, now=NOW)

    def attempt(self, *, now: datetime = NOW) -> Claim:
        """Claim and mark whatever is due: from now on each may have been sent."""
        claim = state.claim(self.distribution.pk, 0, limit=50, now=now, lease=LEASE)
        number_id = PhoneNumber.objects.first().pk
        state.mark_inflight(claim, claim.deliveries, number_id=number_id, now=now, lease=LEASE)
        return claim

    def settle(self, claim: Claim, to: State, **fields) -> None:
        state.settle(
            [
                Settlement(claim.attempt(row), to, NOW, **{"wamid": f"wamid.{row.pk}", **fields})
                for row in claim.deliveries
            ]
        )

    def accepted(self) -> AttemptKey:
        claim = self.attempt()
        self.settle(claim, State.ACCEPTED)
        return claim.attempt(claim.deliveries[0])

    def unanswered(self) -> AttemptKey:
        """The first attempt stays without an answer, and every gate says: send it again."""
        claim = self.attempt()
        state.expire_leases(NOW + LEASE * 2)
        rows = list(Delivery.objects.values_list("pk", flat=True))
        assert state.retry_unknown(rows, next_at=LATER, now=LATER) == len(rows)
        return claim.attempt(claim.deliveries[0])


@pytest.fixture
def run(db) -> Run:
    return Run()


def delivery() -> Delivery:
    return Delivery.objects.get()


def heard(
    status: str,
    attempt: AttemptKey | None,
    *,
    at: datetime = LATER,
    wamid: str = "",
    code: int | None = None,
) -> StatusReport:
    return StatusReport(status, at, wamid, attempt, code)


def hear(status: str, attempt: AttemptKey | None, **fields) -> Applied:
    return advance([heard(status, attempt, **fields)], now=fields.get("at", LATER))


# --- finding the delivery ---------------------------------------------------------------------


def test_a_report_is_found_by_the_attempt_it_names(run):
    applied = hear("delivered", run.accepted())

    assert (applied.changed, applied.unmatched, applied.doubled) == (1, [], [])
    assert (delivery().progress, delivery().delivered_at) == (Progress.DELIVERED, LATER)


def test_a_report_that_names_no_attempt_is_found_by_its_message_id(run):
    run.accepted()

    assert hear("read", None, wamid=f"wamid.{delivery().pk}").changed == 1
    assert delivery().progress == Progress.READ


def test_a_lost_answer_is_found_again_with_its_message_id(run):
    claim = run.attempt()
    attempt = claim.attempt(claim.deliveries[0])
    state.expire_leases(NOW + LEASE * 2)
    assert delivery().state == State.UNKNOWN

    hear("sent", attempt, wamid="wamid.found")

    row = delivery()
    assert (row.state, row.wamid, row.accepted_at) == (State.ACCEPTED, "wamid.found", NOW)


def test_a_report_that_overtakes_the_answer_stands(run):
    claim = run.attempt()
    hear("delivered", claim.attempt(claim.deliveries[0]), wamid="wamid.1")

    run.settle(claim, State.ACCEPTED, wamid="wamid.1")
    run.settle(claim, State.UNKNOWN, reason="no_answer", wamid=None)

    assert (delivery().state, delivery().progress) == (State.ACCEPTED, Progress.DELIVERED)


@pytest.mark.parametrize(
    "stranger",
    [
        lambda a: heard("sent", AttemptKey(a.delivery_id + 1000, 1, 5)),
        lambda a: heard("sent", a._replace(claim_token=a.claim_token ^ 1)),
        lambda a: heard("failed", a._replace(attempt_no=2), code=LOST),
        lambda _: heard("sent", None, wamid="wamid.of.somebody.else"),
        lambda _: heard("sent", None),
    ],
    ids=["delivery", "token", "attempt", "message id", "nothing"],
)
def test_what_is_not_ours_is_handed_back(run, stranger):
    report = stranger(run.accepted())
    before = Delivery.objects.values().get()

    applied = advance([report], now=LATER)

    assert (applied.changed, applied.unmatched) == (0, [report])
    assert Delivery.objects.values().get() == before


def test_an_attempt_survives_the_journey_as_text(run):
    attempt = run.accepted()

    assert parse(str(attempt)) == attempt


@pytest.mark.parametrize(
    "text",
    [
        "",
        "daybreak:1.1",
        "daybreak:1.1.g",
        "daybreak:1.1.ffffffffffffffff",
        "x:1.1.a",
        "daybreak:1.1.a\n",
    ],
)
def test_any_other_text_is_no_attempt(text):
    assert parse(text) is None


# --- bundles ----------------------------------------------------------------------------------


def test_a_bundle_is_read_and_written_in_a_handful_of_statements(django_assert_max_num_queries):
    run = Run(50)
    claim = run.attempt()
    run.settle(claim, State.ACCEPTED)
    bundle = [
        heard(status, claim.attempt(row))
        for row in claim.deliveries
        for status in ("sent", "delivered", "read")
    ]

    with django_assert_max_num_queries(8):
        assert advance(bundle, now=LATER).changed == 50

    assert Delivery.objects.filter(progress=Progress.READ).count() == 50


def test_doubled_reports_change_nothing(run):
    attempt = run.accepted()
    bundle = [heard("sent", attempt), heard("delivered", attempt)]
    advance(bundle, now=LATER)
    before = Delivery.objects.values().get()

    assert advance(bundle * 2, now=LATER + seconds(60)).changed == 0
    assert Delivery.objects.values().get() == before


def test_reports_in_any_order_and_any_bundles_end_the_same():
    ends = set()
    for order in permutations(["sent", "delivered", "read"]):
        Delivery.objects.all().delete()
        run = Run(0 if Distribution.objects.exists() else 1)
        attempt = run.accepted()
        for status in order:
            moment = LATER + seconds(["sent", "delivered", "read"].index(status))
            advance([heard(status, attempt, at=moment)], now=LATER)
        row = delivery()
        ends.add((row.state, row.progress, row.sent_at, row.delivered_at, row.read_at))

    assert ends == {(State.ACCEPTED, Progress.READ, LATER, LATER + seconds(1), LATER + seconds(2))}


def test_effects_on_people_are_told_once(run):
    attempt = run.accepted()
    person = delivery().subscriber_id

    assert hear("delivered", attempt).reached == {person}
    assert hear("read", attempt).reached == set()


def test_refused_people_are_told_with_the_code(run):
    attempt = run.accepted()
    person = delivery().subscriber_id

    assert hear("failed", attempt, code=NOT_ON_WHATSAPP).refused == {person: NOT_ON_WHATSAPP}
    assert hear("failed", attempt, code=NOT_ON_WHATSAPP).refused == {}


def test_one_message_id_for_two_deliveries_spoils_no_bundle():
    run = Run(3)
    claim = run.attempt()
    bundle = [
        heard("sent", claim.attempt(row), wamid=wamid)
        for row, wamid in zip(
            claim.deliveries, ["wamid.same", "wamid.same", "wamid.3"], strict=True
        )
    ]

    assert advance(bundle, now=LATER).changed == 3

    assert Delivery.objects.tally() == {State.ACCEPTED: 3}
    assert set(Delivery.objects.values_list("wamid", flat=True)) == {"wamid.same", None, "wamid.3"}


# --- failures ---------------------------------------------------------------------------------


def test_a_reported_failure_is_kept_as_evidence_once(run):
    attempt = run.accepted()

    for _ in range(2):
        hear("failed", attempt, code=NOT_ON_WHATSAPP)

    row, kept = delivery(), Attempt.objects.get()
    assert (row.state, row.reason, row.failed_code) == (
        State.FAILED,
        "undeliverable",
        NOT_ON_WHATSAPP,
    )
    assert (kept.attempt_id, kept.outcome, kept.code) == (str(attempt), "REPORTED", NOT_ON_WHATSAPP)


def test_what_meta_lost_is_sent_again_once(run):
    attempt = run.accepted()

    hear("failed", attempt, code=LOST)

    row = delivery()
    assert (row.state, row.reason, row.resend_no) == (State.RETRY_WAIT, "send_failed", 1)
    assert row.next_at == LATER + RESEND

    claim = run.attempt(now=LATER + RESEND)
    run.settle(claim, State.ACCEPTED, wamid="wamid.second")
    hear("failed", claim.attempt(claim.deliveries[0]), code=LOST)
    assert (delivery().state, delivery().reason) == (State.FAILED, "send_failed")


@pytest.mark.parametrize(
    "where",
    [DistributionState.COMPLETED, DistributionState.CANCELLED],
    ids=["completed", "cancelled"],
)
def test_what_meta_lost_after_the_end_has_failed(run, where):
    attempt = run.accepted()
    Distribution.objects.update(state=where)

    hear("failed", attempt, code=LOST)

    assert (delivery().state, delivery().reason) == (State.FAILED, "send_failed")


def test_what_meta_lost_while_paused_waits(run):
    attempt = run.accepted()
    Distribution.objects.update(state=DistributionState.PAUSED)

    hear("failed", attempt, code=LOST)

    assert delivery().state == State.RETRY_WAIT


def test_late_good_news_stops_a_waiting_resend(run):
    attempt = run.accepted()
    hear("failed", attempt, code=LOST)

    hear("delivered", attempt)

    assert (delivery().state, delivery().reason) == (State.ACCEPTED, "")
    assert run.attempt(now=LATER + RESEND).deliveries == []


def test_good_news_stops_the_resend_of_an_unanswered_call(run):
    attempt = run.unanswered()
    assert delivery().state == State.RETRY_WAIT

    hear("sent", attempt, wamid="wamid.late")

    assert (delivery().state, delivery().wamid) == (State.ACCEPTED, "wamid.late")
    assert run.attempt(now=LATER).deliveries == []
    assert not Alert.objects.exists()


def test_good_news_stops_a_resend_that_is_claimed_already(run):
    attempt = run.unanswered()
    claim = state.claim(run.distribution.pk, 0, limit=50, now=LATER, lease=LEASE)

    hear("sent", attempt, wamid="wamid.late")

    number_id = PhoneNumber.objects.first().pk
    assert (
        state.mark_inflight(claim, claim.deliveries, number_id=number_id, now=LATER, lease=LEASE)
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

    applied = hear("delivered", first, wamid="wamid.first")

    assert (applied.changed, len(applied.doubled), applied.unmatched) == (0, 1, [])
    assert Delivery.objects.values().get() == before
    record = Duplicate.objects.get()
    assert record.certainty == ("CONFIRMED" if proven else "SUSPECT")
    assert (record.earlier_attempt, record.earlier_wamid) == (str(first), "wamid.first")
    assert record.later_attempt == state.attempt_id(delivery())
    assert record.later_wamid == ("wamid.second" if proven else "")
    alert = Alert.objects.get()
    rule = "duplicate_confirmed" if proven else "duplicate_suspect"
    assert (alert.rule, alert.scope) == (rule, f"delivery {before['id']}")


def test_a_suspicion_becomes_certain_once_the_later_message_is_proven(run):
    first = run.unanswered()
    claim = run.attempt(now=LATER)
    hear("sent", first, wamid="wamid.first")
    assert duplicates.confirm_suspects(LATER) == 0

    run.settle(claim, State.ACCEPTED, reason="", wamid="wamid.second")

    assert duplicates.confirm_suspects(LATER) == 1
    assert duplicates.confirm_suspects(LATER) == 0
    record = Duplicate.objects.get()
    assert (record.certainty, record.later_wamid) == ("CONFIRMED", "wamid.second")
    open_ones = Alert.objects.filter(closed_at=None).values_list("rule", flat=True)
    assert list(open_ones) == ["duplicate_confirmed"]
    assert duplicates.counts(delivery().distribution_id) == {"confirmed": 1, "suspected": 0}


def test_one_call_that_became_two_messages_is_a_double(run):
    first = run.accepted()

    applied = hear("delivered", first, wamid="wamid.of.another.message")

    assert len(applied.doubled) == 1
    assert delivery().progress == 2
    assert Duplicate.objects.get().certainty == "CONFIRMED"


def test_a_failure_of_an_earlier_attempt_says_nothing_of_the_later(run):
    first = run.unanswered()
    run.settle(run.attempt(now=LATER), State.ACCEPTED, wamid="wamid.second")

    applied = hear("failed", first, code=LOST)

    assert (applied.changed, applied.doubled) == (0, [])
    assert delivery().state == State.ACCEPTED


def test_when_the_resend_was_refused_the_earlier_attempts_good_news_counts(run):
    first = run.unanswered()
    run.settle(run.attempt(now=LATER), State.FAILED, reason="undeliverable", wamid=None)

    hear("delivered", first, wamid="wamid.first")

    assert (delivery().state, delivery().wamid) == (State.ACCEPTED, "wamid.first")
    assert not Alert.objects.exists()


def test_a_double_is_noticed_although_the_failure_before_it_named_no_attempt(run):
    first = run.accepted()
    hear("failed", None, wamid=f"wamid.{delivery().pk}", code=LOST)
    run.settle(run.attempt(now=LATER + RESEND), State.ACCEPTED, wamid="wamid.second")

    applied = hear("delivered", first)

    assert ([double.delivery_id for double in applied.doubled], applied.unmatched) == (
        [delivery().pk],
        [],
    )


# --- at once ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_bundles_about_the_same_people_at_once_lose_nothing():
    run = Run(40)
    claim = run.attempt()
    run.settle(claim, State.ACCEPTED)
    forth = [heard("delivered", claim.attempt(row)) for row in claim.deliveries]
    back = [heard("read", claim.attempt(row)) for row in reversed(claim.deliveries)]
    together = Barrier(2)

    def apply(bundle: list[StatusReport]) -> int:
        try:
            together.wait(timeout=10)
            return advance(bundle, now=LATER).changed
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as readers:
        list(readers.map(apply, [forth, back]))

    rows = Delivery.objects.filter(progress=Progress.READ, delivered_at=LATER, read_at=LATER)
    assert rows.count() == 40


@pytest.mark.django_db(transaction=True)
def test_settling_and_reporting_at_once_never_wait_for_each_other_in_a_circle(on_postgres):
    """Whoever needs many rows takes them in the order of their keys."""
    run = Run(2)
    claim = run.attempt()
    first, second = claim.deliveries
    backwards = Claim(claim.token, [second, first])

    def settle() -> None:
        try:
            run.settle(backwards, State.ACCEPTED)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as sender:
        with transaction.atomic():
            Delivery.objects.select_for_update().get(pk=first.pk)
            settling = sender.submit(settle)
            wait_until_somebody_waits()
            # The sender waits for the first row, so it must not hold the second yet.
            Delivery.objects.select_for_update(nowait=True).get(pk=second.pk)
        settling.result(timeout=10)

    assert Delivery.objects.tally() == {State.ACCEPTED: 2}


def wait_until_somebody_waits() -> None:
    for _ in range(1000):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
            )
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("Nobody waits for a lock.")


def test_reports_name_only_columns_of_a_delivery():
    names = {field.name for field in Delivery._meta.fields}

    assert set(reports.STANDING_COLUMNS) <= names
