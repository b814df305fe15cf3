from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from itertools import groupby

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from distribution.ledger.reasons import DeliveryReason
from distribution.lifecycle import audience
from distribution.lifecycle.audience import FrozenAudience
from distribution.models import Delivery, Distribution, DistributionState, State
from distribution.runtime import statistics
from phonepool.models import Portfolio
from subscribers.models import Status, Subscriber
from tests.builders import (
    a_number,
    a_planned_distribution,
    a_portfolio,
    a_subscriber,
    some_subscribers,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def one_slice(settings):
    """Here an audience fits into the first slice; `test_slices.py` is about larger ones."""
    settings.FIRST_SLICE_PEOPLE = 20_000


@pytest.fixture
def distribution(db) -> Distribution:
    return a_planned_distribution(NOW)


def freeze(distribution: Distribution, *, now: datetime = NOW) -> FrozenAudience:
    with transaction.atomic():
        return audience.freeze(distribution, now=now)


def in_order() -> list[Delivery]:
    return list(Delivery.objects.order_by("batch_no", "pk").select_related("subscriber"))


def test_premium_goes_before_pro_and_pro_before_basic(distribution):
    for tier in ("BASIC", "PREMIUM", "PRO", "BASIC", "PREMIUM", "PRO"):
        a_subscriber(tier=tier)
    some_subscribers(60, tier="PRO")

    freeze(distribution)

    rows = in_order()
    assert [tier for tier, _ in groupby(row.tier for row in rows)] == ["PREMIUM", "PRO", "BASIC"]
    for _, tier in groupby(rows, key=lambda row: row.tier):
        ids = [row.subscriber_id for row in tier]
        assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("people", "batches"), [(1, [1]), (50, [50]), (51, [50, 1]), (120, [50, 50, 20])]
)
def test_batches_hold_fifty(distribution, people, batches):
    some_subscribers(people)

    assert freeze(distribution) == FrozenAudience(people, len(batches), 0)

    numbers = [row.batch_no for row in in_order()]
    assert [numbers.count(number) for number in range(len(batches))] == batches


def test_each_row_is_ready_to_be_claimed(distribution):
    person = a_subscriber(tier="PRO")

    freeze(distribution)

    row = Delivery.objects.get()
    assert (row.subscriber, row.phone, row.tier) == (person, person.phone, "PRO")
    assert (row.state, row.next_at, row.attempt_no, row.reason) == (State.PENDING, NOW, 0, "")
    assert list(Delivery.objects.due(NOW)) == [row]


def test_doing_it_twice_changes_nothing(distribution):
    some_subscribers(70)
    first = freeze(distribution)
    before = list(Delivery.objects.order_by("pk").values())

    assert freeze(distribution, now=NOW + timedelta(minutes=1)) == first
    assert list(Delivery.objects.order_by("pk").values()) == before


def test_who_may_not_be_written_to_is_absent(distribution):
    for status in Status:
        a_subscriber(status=status)

    assert freeze(distribution).recipients == 1
    assert Delivery.objects.get().subscriber.status == Status.ACTIVE


def test_an_audience_of_nobody(distribution):
    assert freeze(distribution) == FrozenAudience(0, 0, 0)


def test_a_frozen_phone_stays_whatever_becomes_of_the_subscriber(distribution):
    person = a_subscriber()
    freeze(distribution)

    Subscriber.objects.update(phone="+919999999999")

    assert Delivery.objects.get().phone == person.phone


MANY = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000)
INSERT INTO subscribers_subscriber
       (phone, name, tier, status, language, attributes, email, unreachable_days,
        created_at, updated_at)
SELECT '+91' || (7000000000 + n), '', CASE WHEN n < 2000 THEN 'PRO' ELSE 'BASIC' END,
       'ACTIVE', 'en', '{}', '', 0, %(now)s, %(now)s
  FROM numbers
"""


def twenty_thousand_people() -> None:
    with connection.cursor() as cursor:
        cursor.execute(MANY, {"now": connection.ops.adapt_datetimefield_value(NOW)})


def test_twenty_thousand_people_are_frozen_in_a_second_or_two(distribution):
    twenty_thousand_people()

    began = time.process_time()
    assert freeze(distribution) == FrozenAudience(20_000, 400, 0)

    assert time.process_time() - began < 2


def test_a_large_audience_may_take_longer_than_a_statement_may(distribution, on_postgres):
    twenty_thousand_people()

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '5ms'")

    assert freeze(distribution).recipients == 20_000


def rows_known(cursor) -> float:
    cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'distribution_delivery'")
    return cursor.fetchone()[0]


def test_a_table_analysed_while_it_was_empty_is_known_before_the_first_message(
    distribution, on_postgres, plain_table
):
    """Else an update of 25 rows by key compares all rows with all others: more than 15 s."""
    Subscriber.objects.bulk_create(
        Subscriber(phone=f"+9198{no:08}", tier="PRO") for no in range(2000)
    )
    with connection.cursor() as cursor:
        freeze(distribution)
        Delivery.objects.all().delete()
        cursor.execute("ANALYZE distribution_delivery")
        assert rows_known(cursor) == 0

        freeze(distribution)

        assert rows_known(cursor) == 2000
    with CaptureQueriesContext(connection) as queries:
        Delivery.objects.all().delete()
        freeze(distribution)
    assert not [one for one in queries if "refresh_statistics" in one["sql"]]


def test_another_session_that_analyses_the_table_stops_no_opening(
    distribution, on_postgres, monkeypatch
):
    twenty_thousand_people()
    monkeypatch.setattr(statistics, "KNOWN_SHARE", math.inf)
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE distribution_delivery IN SHARE UPDATE EXCLUSIVE MODE")
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '50ms'")

        assert freeze(distribution).recipients == 20_000
    finally:
        other.close()


# --- the portfolio's 24 h limit ---------------------------------------------------------------


def limited_to(limit: int) -> Portfolio:
    portfolio = a_portfolio(recipient_limit=limit)
    a_number(portfolio=portfolio)
    return portfolio


def left_out() -> list[int]:
    rows = Delivery.objects.filter(state=State.SKIPPED, reason=DeliveryReason.PORTFOLIO_LIMIT)
    return list(rows.order_by("pk").values_list("subscriber_id", flat=True))


def an_earlier_distribution(people: list[Subscriber], *, at: datetime, **fields) -> Distribution:
    """Somebody else's, or yesterday's: these people were accepted at `at`."""
    earlier = a_planned_distribution(
        at, state=DistributionState.SENDING, opened_at=at, window_end=at + timedelta(hours=4)
    )
    given = {"state": State.ACCEPTED, "accepted_at": at, **fields}
    Delivery.objects.bulk_create(
        Delivery(
            distribution=earlier, subscriber=person, phone=person.phone,
            tier=person.tier, batch_no=0, next_at=at, **given,
        )
        for person in people
    )  # fmt: skip
    return earlier


def test_who_does_not_fit_under_the_limit_is_skipped_last_tiers_first(distribution):
    limited_to(3)
    basic, premium = some_subscribers(3), some_subscribers(2, tier="PREMIUM")

    assert freeze(distribution) == FrozenAudience(5, 1, 2)

    assert left_out() == [basic[1].pk, basic[2].pk]
    waiting = Delivery.objects.filter(state=State.PENDING)
    assert {row.subscriber_id for row in waiting} == {premium[0].pk, premium[1].pk, basic[0].pk}


def test_a_limit_that_suffices_leaves_out_nobody(distribution):
    limited_to(5)
    some_subscribers(5)

    assert freeze(distribution).over_limit == 0


def test_who_was_written_to_in_the_last_day_counts_once(distribution):
    limited_to(3)
    known = some_subscribers(3)
    an_earlier_distribution(known, at=NOW - timedelta(hours=23, minutes=59))

    assert freeze(distribution).over_limit == 0


def test_others_written_to_in_the_last_day_leave_less_room(distribution):
    limited_to(3)
    gone, here = some_subscribers(2), some_subscribers(2)
    Subscriber.objects.filter(pk__in=[person.pk for person in gone]).update(status=Status.PAUSED)
    an_earlier_distribution(gone, at=NOW - timedelta(hours=1))

    freeze(distribution)

    assert left_out() == [here[1].pk]


def test_a_day_later_they_do_not_count_any_more(distribution):
    limited_to(3)
    people = some_subscribers(4)
    an_earlier_distribution(people[:1], at=NOW - timedelta(hours=24))

    freeze(distribution)

    assert left_out() == [people[3].pk]


@pytest.mark.parametrize(
    "state", [State.PENDING, State.CLAIMED, State.INFLIGHT, State.UNKNOWN, State.RETRY_WAIT]
)
def test_who_is_about_to_be_written_to_counts_already(distribution, state):
    limited_to(3)
    people = some_subscribers(4)
    an_earlier_distribution(
        people[3:], at=NOW, state=state, accepted_at=None,
        claim_token=1, lease_until=NOW, attempt_no=1,
    )  # fmt: skip

    freeze(distribution)

    # The fourth is known already; of the three others two find room.
    assert left_out() == [people[2].pk]


def test_the_limit_is_found_quickly_among_twenty_thousand(distribution):
    limited_to(18_000)
    twenty_thousand_people()
    earlier = a_planned_distribution(
        NOW, state=DistributionState.SENDING, opened_at=NOW, window_end=NOW + timedelta(hours=4)
    )
    freeze(earlier)  # itself under the limit: 18 000 of them
    Delivery.objects.filter(state=State.PENDING).update(state=State.ACCEPTED, accepted_at=NOW)

    began = time.process_time()
    assert freeze(distribution).over_limit == 2_000

    assert time.process_time() - began < 4


def test_one_person_under_two_rows_gets_one_message(distribution):
    """The second row took the phone over after it was frozen: the phone counts, not the row."""
    first = a_subscriber(phone="+919812345678")
    freeze(distribution)
    Subscriber.objects.filter(pk=first.pk).update(phone="+919800000001")
    a_subscriber(phone="+919812345678")

    freeze(distribution)

    assert [row.phone for row in in_order()] == ["+919812345678"]
