"""In partitions, too, the statements that every message needs go by keys, and to one partition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from distribution.ledger import deliveries, doubts
from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.attempts.settlements import Settlement
from distribution.ledger.claims import Claim, ClaimedDelivery
from distribution.ledger.partitions import keys
from distribution.models import Delivery, State
from distribution.outcomes import reported_rows
from distribution.runtime import partitions, statistics
from tests.distribution.ledger.test_plans import report

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("partitioned")]
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
LEASE = timedelta(minutes=1)
BY_VALUES = "Function Scan on v"  # of a statement over many rows with values of their own
FILL = """
    INSERT INTO distribution_delivery (distribution_id, subscriber_id, phone, tier, next_at,
            batch_no, state, claim_token, lease_until, attempt_no, inflight_at, number_id)
    SELECT %s, i, '+9198' || lpad(i::text, 8, '0'), 'PRO', now() - interval '1 hour', i / 50,
           'INFLIGHT', 5, now() + interval '1 min', 1, now(), 1
      FROM generate_series(1, %s) AS i
"""


def run(sql: str, *parameters: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)


@pytest.fixture(params=["yesterday", "today"])
def today(request) -> int:
    """A distribution of 10,000 that the statistics of its partition know, or not yet, as each
    morning; both neighbours of the partition have rows, too."""
    run("SET LOCAL session_replication_role = replica")  # no distribution, nobody of these exists
    _, ours, after = partitions.read()[:3]
    assert after.end is not None
    for distribution_id in (1, ours.first, after.first):
        run(FILL, distribution_id, 5000)
    if request.param == "yesterday":
        run("ANALYZE distribution_delivery")
    run(FILL, ours.first + 1, 10_000)
    if request.param == "today":
        statistics.refresh(partitions.table_of(ours.first + 1))
    assert partitions.bounds([ours.first + 1]) == (ours.first, ours.end)
    return ours.first + 1


@pytest.fixture
def plans():
    """The plan of every statement on deliveries that finds them by their keys."""
    found: list[str] = []

    def explain(execute, sql, params, many, context):
        if "distribution_delivery" in sql and not sql.lstrip().startswith(("EXPLAIN", "INSERT")):
            execute(f"EXPLAIN  {sql}", params, many, context)
            found.append("\n".join(line for (line,) in context["cursor"].fetchall()))
        return execute(sql, params, many, context)

    return found, explain


def each_step(today: int, pks: Sequence[int]) -> None:
    """Everything that a message may need, for these deliveries."""
    people = [ClaimedDelivery(pk, 1, "+91", 0, 0, "", "PRO", {}) for pk in pks]
    claim = Claim(5, people, today)
    deliveries.mark_inflight(claim, people, number_id=1, now=NOW, lease=LEASE)
    deliveries.numbers_in_flight(claim, people)
    deliveries.release_claim(claim, pks, next_at=NOW)
    deliveries.skip_left(claim, pks)
    ends = [Settlement(AttemptKey(pk, 1, 5), State.ACCEPTED, NOW, wamid=f"w{pk}") for pk in pks]
    deliveries.settle(ends, distribution_id=today)
    reported_rows.lock(pks, now=NOW)
    rows = [{**report(pk), "distribution_id": today} for pk in pks]
    deliveries.record_reports(rows, conflicts=[], now=NOW)
    deliveries.skip(pks, "reason", distribution_id=today)
    doubts.mark_unknown(pks, "reason", distribution_id=today, now=NOW)
    doubts.leave_unconfirmed(pks, "reason", distribution_id=today, now=NOW)


@pytest.mark.parametrize("count", [25, 500])
def test_each_step_goes_by_the_key_in_one_partition(today, plans, count, monkeypatch):
    monkeypatch.setattr(keys, "recent", lambda _: (today, today))
    found, explain = plans
    table = partitions.table_of(today)
    others = {one.table for one in partitions.known()} - {table}
    pks = list(Delivery.objects.filter(distribution=today).order_by("pk").values_list("pk"))

    with connection.execute_wrapper(explain):
        each_step(today, [pk for (pk,) in pks[:count]])

    assert len(found) > 12
    for plan in found:
        assert "Append" not in plan
        assert not [one for one in others if f" {one} " in plan]
        if BY_VALUES in plan:
            assert "Seq Scan on distribution_delivery" not in plan
            assert f"{table}_pkey on {table} d" in plan
            assert "Index Cond: ((id = v.id) AND (distribution_id = v.of_distribution" in plan
    assert len([plan for plan in found if BY_VALUES in plan]) == 3


def test_a_claim_reads_its_batch_in_one_partition(today, plans):
    found, explain = plans
    table = partitions.table_of(today)
    run("UPDATE distribution_delivery SET state = 'PENDING' WHERE distribution_id = %s", today)

    with connection.execute_wrapper(explain):
        deliveries.claim(today, 30, limit=50, now=NOW, lease=LEASE)

    (plan,) = found
    assert f"{table}_distribution_id_batch_no_next_at_idx on {table} one" in plan
    assert f"{table}_pkey on {table} d" in plan
    assert "Append" not in plan
