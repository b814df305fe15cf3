"""The `pricing` block of statuses is kept for each delivery, by signed webhooks and the inbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from distribution.ledger import deliveries
from distribution.models import Delivery, Pricing
from tests.builders import LEASE
from tests.webhooks.posts import apply, in_flight, status, statuses

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
BLOCK = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}


@pytest.fixture
def key(db: Any) -> object:
    _, attempts = in_flight(1, now=NOW - timedelta(seconds=5))
    return next(iter(attempts.values()))


def told(word: str, key: object, pricing: Any = BLOCK, **fields: Any) -> dict[str, Any]:
    return status(word, key, **{"at": NOW, "wamid": "w1", "pricing": pricing, **fields})


def stored() -> tuple[Any, ...] | None:
    row = Delivery.objects.select_related("pricing").get()
    found = row.pricing
    return found and (found.progress, found.category, found.type, found.model, found.billable)


def report(*items: dict[str, Any]) -> None:
    apply(statuses(*items), now=NOW)


def test_category_type_model_and_whether_it_is_billable_are_kept(key):
    report(told("sent", key))

    assert stored() == (1, "utility", "regular", "PMP", True)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("words", [("sent", "read"), ("read", "sent")])
def test_that_of_the_highest_progress_counts_whichever_came_first(key, words, together):
    """The category at the time of use decides; `sent` is not charged yet."""
    categories = {"sent": "utility", "read": "marketing"}
    items = [told(word, key, {**BLOCK, "category": categories[word]}) for word in words]
    for bundle in [items] if together else [[item] for item in items]:
        report(*bundle)

    assert stored() == (3, "marketing", "regular", "PMP", True)


def test_a_status_without_the_block_leaves_the_earlier_one(key):
    report(told("delivered", key))
    report(told("read", key, None))

    assert stored() == (2, "utility", "regular", "PMP", True)


def test_two_blocks_with_the_same_progress_end_the_same_in_any_order(key):
    blocks = [{**BLOCK, "billable": word} for word in (True, None, False)]
    for block in blocks:
        report(told("delivered", key, block))
    first = stored()
    for block in reversed(blocks):
        report(told("delivered", key, block))

    assert stored() == first == (2, "utility", "regular", "PMP", True)


def test_repeated_reports_change_nothing(key):
    report(told("sent", key), told("delivered", key))
    before = Delivery.objects.values().get()

    report(told("delivered", key, at=NOW + timedelta(seconds=1)), told("sent", key))

    assert Delivery.objects.values().get() == before
    assert Pricing.objects.count() == 2


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"category": "authentication-international"}, ("authentication_international", "", "")),
        ({"type": "free_entry_point"}, ("", "free_entry_point", "")),
        ({**BLOCK, "category": "MARKETING_LITE"}, ("marketing_lite", "regular", "PMP")),
        ({**BLOCK, "billable": "yes", "more": [1]}, ("utility", "regular", "PMP")),
        ({}, None),
        ([], None),
        ("utility", None),
        ({"category": "x" * 41}, None),
        ({"category": "a\x00b", "type": 7.5}, None),
    ],
    ids=str,
)
def test_whatever_meta_writes_is_read_or_left_out(key, block, expected):
    report(told("delivered", key, block))

    assert Delivery.objects.get().progress == 2
    assert stored() == (
        expected and (2, *expected, True if block.get("billable") is True else None)
    )


def test_a_failure_has_no_price(key):
    report(told("failed", key, code=131026))

    assert stored() is None


def test_another_attempt_begins_without_a_price(key):
    report(told("sent", key))
    report(told("failed", key, None, code=131000))
    later = NOW + timedelta(hours=1)
    row = Delivery.objects.get()
    assert (row.state, stored() is not None) == ("RETRY_WAIT", True)
    claim = deliveries.claim(row.distribution_id, row.batch_no, limit=1, now=later, lease=LEASE)
    assert deliveries.mark_inflight(
        claim, claim.deliveries, number_id=row.number_id, now=later, lease=LEASE
    )

    assert stored() is None


def test_known_prices_cost_three_small_statements_per_bundle():
    """The blocks, the accounts of the numbers, the rates of these phones: none per message."""
    Pricing.objects.create(
        progress=2, category="utility", type="regular", model="PMP", billable=True
    )

    def statements(people: int, pricing: Any) -> int:
        _, attempts = in_flight(people, now=NOW - timedelta(seconds=5))
        items = [told("delivered", key, pricing, wamid=f"w{key}") for key in attempts.values()]
        with CaptureQueriesContext(connection) as captured:
            report(*items)
        return len(captured)

    statements(20, None)  # people who are reached for the first time are recorded
    without, with_known = statements(0, None), statements(0, BLOCK)

    assert with_known - without == 3
    assert Delivery.objects.filter(pricing__progress=2).count() == 20
