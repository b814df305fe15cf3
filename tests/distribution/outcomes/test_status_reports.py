from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from threading import Barrier

import pytest
from django.db import connection, connections, transaction

from distribution.ledger import chunks, deliveries
from distribution.ledger.attempts.ids import AttemptKey, parse
from distribution.ledger.claims import Claim
from distribution.models import (
    Delivery,
    Distribution,
    Progress,
    State,
)
from distribution.outcomes import reported_rows
from distribution.outcomes.report_rules import StatusReport
from distribution.outcomes.status_reports import apply_reports
from tests.builders import LEASE
from tests.distribution.reported_statuses import (
    LATER,
    LOST,
    NOT_ON_WHATSAPP,
    NOW,
    Run,
    a_report,
    delivery,
    receive,
    seconds,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(db) -> Run:
    return Run()


# --- finding the delivery ---------------------------------------------------------------------


def test_a_report_is_found_by_the_attempt_it_names(run):
    applied = receive("delivered", run.accepted())

    assert (applied.changed, applied.unmatched, applied.duplicates) == (1, [], [])
    assert (delivery().progress, delivery().delivered_at) == (Progress.DELIVERED, LATER)


def test_a_report_that_names_no_attempt_is_found_by_its_message_id(run):
    run.accepted()

    assert receive("read", None, wamid=f"wamid.{delivery().pk}").changed == 1
    assert delivery().progress == Progress.READ


def test_a_lost_answer_is_found_again_with_its_message_id(run):
    claim = run.attempt()
    attempt = claim.attempt(claim.deliveries[0])
    deliveries.expire_leases(NOW + LEASE * 2)
    assert delivery().state == State.UNKNOWN

    receive("sent", attempt, wamid="wamid.found")

    row = delivery()
    assert (row.state, row.wamid, row.accepted_at) == (State.ACCEPTED, "wamid.found", NOW)


def test_a_report_that_overtakes_the_answer_stands(run):
    claim = run.attempt()
    receive("delivered", claim.attempt(claim.deliveries[0]), wamid="wamid.1")

    run.settle(claim, State.ACCEPTED, wamid="wamid.1")
    run.settle(claim, State.UNKNOWN, reason="no_answer", wamid=None)

    assert (delivery().state, delivery().progress) == (State.ACCEPTED, Progress.DELIVERED)


@pytest.mark.parametrize(
    "stranger",
    [
        lambda a: a_report("sent", AttemptKey(a.delivery_id + 1000, 1, 5)),
        lambda a: a_report("sent", a._replace(claim_token=a.claim_token ^ 1)),
        lambda a: a_report("failed", a._replace(attempt_no=2), code=LOST),
        lambda _: a_report("sent", None, wamid="wamid.of.somebody.else"),
        lambda _: a_report("sent", None),
    ],
    ids=["delivery", "token", "attempt", "message id", "nothing"],
)
def test_what_is_not_ours_is_handed_back(run, stranger):
    report = stranger(run.accepted())
    before = Delivery.objects.values().get()

    applied = apply_reports([report], now=LATER)

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
        a_report(status, claim.attempt(row))
        for row in claim.deliveries
        for status in ("sent", "delivered", "read")
    ]

    with django_assert_max_num_queries(8):
        assert apply_reports(bundle, now=LATER).changed == 50

    assert Delivery.objects.filter(progress=Progress.READ).count() == 50


def test_doubled_reports_change_nothing(run):
    attempt = run.accepted()
    bundle = [a_report("sent", attempt), a_report("delivered", attempt)]
    apply_reports(bundle, now=LATER)
    before = Delivery.objects.values().get()

    assert apply_reports(bundle * 2, now=LATER + seconds(60)).changed == 0
    assert Delivery.objects.values().get() == before


def test_reports_in_any_order_and_any_bundles_end_the_same():
    ends = set()
    for order in permutations(["sent", "delivered", "read"]):
        Delivery.objects.all().delete()
        run = Run(0 if Distribution.objects.exists() else 1)
        attempt = run.accepted()
        for status in order:
            moment = LATER + seconds(["sent", "delivered", "read"].index(status))
            apply_reports([a_report(status, attempt, at=moment)], now=LATER)
        row = delivery()
        ends.add((row.state, row.progress, row.sent_at, row.delivered_at, row.read_at))

    assert ends == {(State.ACCEPTED, Progress.READ, LATER, LATER + seconds(1), LATER + seconds(2))}


def test_effects_on_people_are_told_once(run):
    attempt = run.accepted()
    person = delivery().subscriber_id

    assert receive("delivered", attempt).reached == {person}
    assert receive("read", attempt).reached == set()


def test_refused_people_are_told_with_the_code(run):
    attempt = run.accepted()
    person = delivery().subscriber_id

    (failure,) = receive("failed", attempt, code=NOT_ON_WHATSAPP).failures
    assert (failure.subscriber_id, failure.code) == (person, NOT_ON_WHATSAPP)
    assert receive("failed", attempt, code=NOT_ON_WHATSAPP).failures == []


def test_one_message_id_for_two_deliveries_spoils_no_bundle():
    run = Run(3)
    claim = run.attempt()
    bundle = [
        a_report("sent", claim.attempt(row), wamid=wamid)
        for row, wamid in zip(
            claim.deliveries, ["wamid.same", "wamid.same", "wamid.3"], strict=True
        )
    ]

    assert apply_reports(bundle, now=LATER).changed == 3

    assert Delivery.objects.count_by_state() == {State.ACCEPTED: 3}
    assert set(Delivery.objects.values_list("wamid", flat=True)) == {"wamid.same", None, "wamid.3"}


# --- at once ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_bundles_about_the_same_people_at_once_lose_nothing():
    run = Run(40)
    claim = run.attempt()
    run.settle(claim, State.ACCEPTED)
    forth = [a_report("delivered", claim.attempt(row)) for row in claim.deliveries]
    back = [a_report("read", claim.attempt(row)) for row in reversed(claim.deliveries)]
    together = Barrier(2)

    def apply(bundle: list[StatusReport]) -> int:
        try:
            together.wait(timeout=60)
            return apply_reports(bundle, now=LATER).changed
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
        settling.result(timeout=60)

    assert Delivery.objects.count_by_state() == {State.ACCEPTED: 2}


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
    names = {field.attname for field in Delivery._meta.fields}

    assert set(reported_rows.FACTS_COLUMNS) <= names


def test_what_was_reported_before_its_call_was_recorded_is_not_stuck(run):
    """Its lease stays; the regular check must not take it for one of a worker that stopped."""
    claim = run.attempt()
    receive("delivered", claim.attempt(claim.deliveries[0]), wamid="wamid.1", at=NOW)
    run.settle(claim, State.ACCEPTED, wamid="wamid.1")

    assert delivery().state == State.ACCEPTED
    assert chunks.stuck(NOW + seconds(3600)) == 0
    Delivery.objects.update(state=State.INFLIGHT)
    assert chunks.stuck(NOW + seconds(3600)) == 1
