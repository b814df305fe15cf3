"""The plans of the statements that every message needs: cost per row must not grow with rows."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from distribution.analytics import counts
from distribution.ledger import deliveries, movement, statements
from distribution.models import Delivery, Distribution, State
from distribution.runtime import statistics
from distribution.runtime.bulk_update import update_from

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_postgres", "plain_table")]
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
DELIVERIES = 10_000
# Emptied by TRUNCATE, the table has no statistics, whatever an earlier test left behind.
EMPTY = "SET LOCAL session_replication_role = replica; TRUNCATE distribution_delivery CASCADE"
YESTERDAY = """
    INSERT INTO distribution_delivery (distribution_id, subscriber_id, phone, tier, next_at,
            batch_no, state, attempt_no, accepted_at, number_id)
    SELECT 9, i, '+9198' || lpad(i::text, 8, '0'), 'PRO', now(), i / 50, 'ACCEPTED', 1, now(), 1
      FROM generate_series(1, 5000) AS i
"""
FILL = """
    INSERT INTO distribution_delivery (distribution_id, subscriber_id, phone, tier, next_at,
            batch_no, state, claim_token, lease_until, attempt_no, inflight_at, number_id)
    SELECT 1, i, '+9198' || lpad(i::text, 8, '0'), 'PRO', now(), i / 50,
           CASE WHEN i <= 500 THEN 'INFLIGHT' ELSE 'PENDING' END, i, now() + interval '1 min',
           1, now(), 1
      FROM generate_series(1, 10000) AS i
"""


def report(pk: int) -> dict:
    row = dict.fromkeys(statements.REPORT_COLUMNS)
    return row | {
        "id": pk,
        "attempt_no": 1,
        "old_state": State.INFLIGHT,
        "state": State.ACCEPTED,
        "progress": 1,
        "resend_no": 0,
        "reason": "",
        "next_at": NOW,
        "accepted_at": NOW,
        "sent_at": NOW,
    }


def settled(pk: int) -> dict:
    row = dict.fromkeys(statements.SETTLE_COLUMNS)
    return row | {
        "id": pk,
        "attempt_no": 1,
        "claim_token": pk,
        "state": State.ACCEPTED,
        "reason": "",
        "at": NOW,
        "charged": 0,
    }


STEPS = {
    "reports": (
        statements.REPORT_COLUMNS,
        report,
        statements.REPORT_ASSIGN,
        statements.REPORT_WHERE,
        {},
    ),
    "settle": (
        statements.SETTLE_COLUMNS,
        settled,
        statements.SETTLE_ASSIGN,
        statements.SETTLE_WHERE,
        {},
    ),
    "mark": (
        statements.MARK_COLUMNS,
        lambda pk: {"id": pk, "template": None},
        statements.MARK_ASSIGN,
        statements.MARK_WHERE,
        {
            "token": 5,
            "number": 1,
            "now": NOW,
            "clock": NOW.timestamp(),
            "lease_end": NOW,
            "least_lease": NOW,
            "rung": 0,
            "place": 0,
        },
    ),
}


@pytest.fixture
def plans():
    """The plan of every change of deliveries, written down just before it runs."""
    found: list[str] = []

    def explain(execute, sql, params, many, context):
        if sql.lstrip().startswith(("UPDATE", "WITH")):
            execute(f"EXPLAIN (COSTS OFF) {sql}", params, many, context)
            found.append("\n".join(line for (line,) in context["cursor"].fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield found


def fill_the_table(known: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(EMPTY)
        if known == "yesterday":
            cursor.execute(YESTERDAY)
            cursor.execute("ANALYZE distribution_delivery")
        cursor.execute(FILL)
        # Today hardly anybody is in flight: a reason to begin at the state's index.
        refreshed = statistics.refresh_after_filling("distribution_delivery", rows=DELIVERIES)
        assert refreshed is (known == "today")


@pytest.mark.parametrize("known", ["yesterday", "today"])
@pytest.mark.parametrize(
    ("step", "locked"), [*((step, False) for step in STEPS), ("reports", True)]
)
def test_each_row_is_found_by_its_key_whatever_the_statistics_and_the_number(
    plans, known, locked, step
):
    """Neither a scan of the table, nor a hash of it, nor a search for each row in an array.

    A table that nobody has analysed, or only while it was empty, does not occur: the opening sees
    to that, as the plans would be others.
    """
    columns, row, assign, where, given = STEPS[step]
    fill_the_table(known)
    pks = list(Delivery.objects.filter(distribution=1).order_by("pk").values_list("pk", flat=True))

    for count in (25, 500, DELIVERIES):
        update_from(
            Delivery,
            columns=columns,
            rows=[row(pk) for pk in pks[:count]],
            assign=assign,
            where=where,
            given=given,
            locked=locked,
        )

    assert len(plans) == 3
    for plan in plans:
        assert "Index Scan using distribution_delivery_pkey on distribution_delivery d" in plan
        assert "Index Cond: (id = v.id)" in plan
        assert "Seq Scan on distribution_delivery" not in plan
        assert "Hash" not in plan
        assert ("LockRows" in plan) is not locked


@pytest.mark.parametrize("known", ["yesterday", "today"])
def test_a_claim_finds_its_batch_and_each_recipient_by_their_keys(plans, known):
    fill_the_table(known)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE subscribers_subscriber CASCADE")  # as above: without statistics
        cursor.execute(FILL)

    for limit in (25, 200):
        deliveries.claim(1, 30, limit=limit, now=NOW, lease=timedelta(minutes=1))

    assert len(plans) == 2
    for plan in plans:
        assert "Index Scan using delivery_due on distribution_delivery one" in plan
        assert "Index Scan using subscribers_subscriber_pkey on subscribers_subscriber s" in plan
        assert "Index Scan using distribution_delivery_pkey on distribution_delivery d" in plan
        assert "Seq Scan on distribution_delivery" not in plan
        assert "Hash" not in plan


def test_no_index_holds_what_reports_change():
    """Or PostgreSQL could not write a report without touching every index of its row."""
    changed = {"progress", "sent_at", "delivered_at", "read_at", "failed_at", "failed_code"}
    changed |= {"pricing_id", "rate_id"}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'distribution_delivery'"
            " UNION ALL SELECT reloptions::text FROM pg_class"
            " WHERE relname = 'distribution_delivery'"
        )
        *indexes, storage = [text for (text,) in cursor.fetchall()]
    assert len(indexes) == 10
    assert not [text for text in indexes if changed & set(re.findall(r"\w+", text))]
    assert storage == "{fillfactor=70}"


@pytest.mark.parametrize("known", ["yesterday", "today"])
def test_whether_all_is_settled_is_asked_of_small_indexes(known):
    fill_the_table(known)
    Delivery.objects.filter(distribution=1).update(state=State.ACCEPTED, accepted_at=NOW)
    whole = Distribution(pk=1)
    with CaptureQueriesContext(connection) as asked:
        assert not counts.has_unsettled(whole)
        assert not movement.has_moved(1, since=NOW + timedelta(days=900))

    with connection.cursor() as cursor:
        *partly, _ = [query["sql"] for query in asked]  # the last one looks at all rows
        for sql in partly:
            cursor.execute(f"EXPLAIN (COSTS OFF) {sql}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert re.search(
                "(using|on) delivery_(due|in_hand|unanswered|unusual|accepted)", plan
            ), plan
    assert len(partly) == 6
