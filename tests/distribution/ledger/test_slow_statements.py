"""Every step over many rows, on a PostgreSQL that ends any statement over more than a few rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from distribution.engine import sweep, tick
from distribution.ledger import chunks, deliveries
from distribution.ledger.attempts.settlements import Settlement
from distribution.ledger.reasons import DeliveryReason
from distribution.lifecycle import control
from distribution.models import Alert, Delivery, State
from tests.builders import LEASE, a_number, an_open_distribution
from tests.webhooks import posts
from tests.webhooks.posts import in_flight, statuses, store
from webhooks.applying import inbox
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
PEOPLE = 40
SLEEP = """
    CREATE FUNCTION tests_sleep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_sleep(CASE WHEN NEW.id = {poison} THEN 1 ELSE 0.02 END); RETURN NEW;
    END $$;
    CREATE TRIGGER tests_sleep BEFORE UPDATE ON distribution_delivery
        FOR EACH ROW EXECUTE FUNCTION tests_sleep();
    SET statement_timeout = '250ms';
"""
WAKE = "SET statement_timeout = '15s'; DROP FUNCTION IF EXISTS tests_sleep CASCADE;"


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def make_updates_slow(poison: int = 0) -> None:
    """Each row takes 20 ms and a statement may take 250: about a dozen rows at once; the row
    `poison` alone takes longer."""
    run(SLEEP.format(poison=poison))


@pytest.fixture(autouse=True)
def quick_again(own_session: None) -> Iterator[None]:
    yield
    run(WAKE)


def by_state() -> dict[str, int]:
    return Delivery.objects.count_by_state()


def test_claims_and_marks():
    distribution = an_open_distribution(PEOPLE, now=NOW)
    number = a_number()
    make_updates_slow()
    marked = set()

    while claim := deliveries.claim(distribution.pk, 0, limit=PEOPLE, now=NOW, lease=LEASE):
        if not claim.deliveries:
            break
        marked |= deliveries.mark_inflight(
            claim, claim.deliveries, number_id=number.pk, now=NOW, lease=LEASE
        )

    assert by_state() == {State.INFLIGHT: PEOPLE}
    assert len(marked) == PEOPLE


def test_a_claim_of_many_is_marked_in_parts():
    distribution = an_open_distribution(PEOPLE, now=NOW)
    number = a_number()
    claim = deliveries.claim(distribution.pk, 0, limit=PEOPLE, now=NOW, lease=LEASE)
    make_updates_slow()

    marked = deliveries.mark_inflight(
        claim, claim.deliveries, number_id=number.pk, now=NOW, lease=LEASE
    )

    assert len(marked) == PEOPLE


def settlements(attempts) -> list[Settlement]:
    return [Settlement(key, State.ACCEPTED, NOW, wamid=f"w{pk}") for pk, key in attempts.items()]


def test_outcomes_of_calls():
    _, attempts = in_flight(PEOPLE, now=NOW)
    make_updates_slow()

    assert deliveries.settle(settlements(attempts)) == PEOPLE
    assert by_state() == {State.ACCEPTED: PEOPLE}


def test_one_outcome_that_cannot_be_written_keeps_no_other_back():
    _, attempts = in_flight(PEOPLE, now=NOW)
    make_updates_slow(poison=min(attempts) + 7)

    with pytest.raises(Exception, match="statement timeout"):
        deliveries.settle(settlements(attempts))

    assert by_state() == {State.ACCEPTED: PEOPLE - 1, State.INFLIGHT: 1}


def sent(attempts) -> list[dict]:
    return [posts.status("sent", key, at=NOW, wamid=f"w{pk}") for pk, key in attempts.items()]


@pytest.mark.parametrize("per_webhook", [1, PEOPLE])
def test_statuses(per_webhook):
    _, attempts = in_flight(PEOPLE, now=NOW)
    items = sent(attempts)
    groups = [items[start : start + per_webhook] for start in range(0, PEOPLE, per_webhook)]
    store(*(statuses(*group) for group in groups), at=NOW)
    make_updates_slow()

    # Its five seconds are over before the first half: the halves are tried all the same.
    drained = inbox.drain(now=NOW, seconds=0.2)
    while drained.more:
        drained = inbox.drain(now=NOW, seconds=0.2)

    assert by_state() == {State.ACCEPTED: PEOPLE}
    assert not WebhookEvent.objects.pending().exists()


def test_one_status_that_cannot_be_applied_is_set_aside_alone():
    _, attempts = in_flight(PEOPLE, now=NOW)
    store(statuses(*sent(attempts)), at=NOW)
    make_updates_slow(poison=min(attempts) + 7)

    first = inbox.drain(now=NOW)

    assert (first.applied, first.failed) == (0, 1)
    assert by_state() == {State.ACCEPTED: PEOPLE - 1, State.INFLIGHT: 1}
    later = NOW + timedelta(hours=2)
    for _ in range(5):
        inbox.drain(now=later)
    assert WebhookEvent.objects.dead().count() == 1
    assert Alert.objects.get(rule="webhook_dead_letter").closed_at is None


def test_leases_that_ended():
    in_flight(PEOPLE, now=NOW)
    make_updates_slow()

    assert deliveries.expire_leases(NOW + timedelta(hours=1)) == (0, PEOPLE)


def test_a_lease_that_cannot_be_ended_is_alerted():
    distribution, attempts = in_flight(PEOPLE, now=NOW)
    later = NOW + LEASE + chunks.STUCK_AFTER + timedelta(seconds=1)
    make_updates_slow(poison=min(attempts))

    tick.check(later)

    rows = Delivery.objects.filter(distribution=distribution)
    assert rows.count_by_state() == {State.UNKNOWN: PEOPLE - 1, State.INFLIGHT: 1}
    assert Alert.objects.get(rule="deliveries_stuck").closed_at is None
    run(WAKE)
    tick.check(later)
    assert Alert.objects.get(rule="deliveries_stuck").closed_at == later


def test_a_cancelled_distribution():
    distribution = an_open_distribution(PEOPLE, now=NOW)
    make_updates_slow()

    assert control.cancel(distribution.pk, reason="a test", now=NOW) == PEOPLE
    assert by_state() == {State.SKIPPED: PEOPLE}


def test_outcomes_that_stay_unknown():
    in_flight(PEOPLE, now=NOW)
    deliveries.expire_leases(NOW + timedelta(hours=1))
    make_updates_slow()

    swept = sweep.sweep(NOW + timedelta(days=1))

    assert swept.unconfirmed == PEOPLE
    assert by_state() == {State.UNCONFIRMED: PEOPLE}


def test_rows_are_left_out_one_by_one_if_need_be():
    an_open_distribution(PEOPLE, now=NOW)
    make_updates_slow()
    pks = list(Delivery.objects.values_list("pk", flat=True))

    assert deliveries.skip(pks, DeliveryReason.PORTFOLIO_LIMIT) == PEOPLE


def test_a_step_inside_a_transaction_is_halved_too():
    _, attempts = in_flight(PEOPLE, now=NOW)
    make_updates_slow()

    with transaction.atomic():
        assert deliveries.settle(settlements(attempts)) == PEOPLE
