"""Which price applies, and what some messages cost: pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.cost.estimate import Estimate, People, estimate
from distribution.cost.price_book import Price, PriceBook

DAY = date(2026, 11, 29)


def price(pk: int, text: str, **fields: object) -> Price:
    given_ = {"prefix": "+91", "category": "utility", "currency": "INR", "valid_from": DAY}
    return Price(**{"id": pk, "price": Decimal(text), **given_, **fields})  # type: ignore[arg-type]


BOOK = PriceBook(
    [
        price(1, "0.1", valid_from=date(2025, 7, 1)),
        price(2, "0.115", valid_from=DAY),
        price(3, "0.8631", category="marketing"),
        price(4, "0.02", prefix="+9198"),
        price(5, "0.0014", currency="USD"),
    ]
)


@pytest.mark.parametrize(
    ("phone", "category", "currency", "day", "found"),
    [
        ("+917012345678", "utility", "INR", DAY, 2),
        ("+917012345678", "utility", "INR", date(2026, 11, 28), 1),
        ("+917012345678", "utility", "INR", date(2025, 6, 30), None),
        ("+919812345678", "utility", "INR", DAY, 4),
        ("+919812345678", "utility", "INR", date(2026, 11, 28), 1),
        ("+917012345678", "marketing_lite", "INR", DAY, 3),
        ("+917012345678", "utility", "USD", DAY, 5),
        ("+917012345678", "utility", "EUR", DAY, None),
        ("+12025550123", "utility", "INR", DAY, None),
        ("+91", "utility", "INR", DAY, 2),
        ("", "utility", "INR", DAY, None),
    ],
)
def test_the_latest_price_of_the_longest_prefix_applies(phone, category, currency, day, found):
    prices = BOOK.find(phone, category, currency, day)

    assert (prices.first.id if prices else None) == found


STEPS = PriceBook([price(1, "0.115"), price(2, "0.1", from_n=11), price(3, "0.09", from_n=21)])


def test_prices_by_volume_apply_from_their_message_on():
    prices = STEPS.list_of(1)
    assert prices is not None

    assert prices.amount(30) == 10 * Decimal("0.115") + 10 * Decimal("0.1") + 10 * Decimal("0.09")
    assert prices.amount(2, before=9) == Decimal("0.115") + Decimal("0.1")
    assert prices.amount(5, before=100) == 5 * Decimal("0.09")
    assert prices.amount(0, before=10) == 0


@given(st.lists(st.integers(0, 40), max_size=6), st.integers(0, 50))
def test_parts_of_a_month_cost_what_the_whole_costs(parts: list[int], before: int):
    prices = STEPS.list_of(1)
    assert prices is not None
    done, total = before, Decimal(0)
    for part in parts:
        total += prices.amount(part, before=done)
        done += part

    assert total == prices.amount(sum(parts), before=before)


def ask(*people: People, **fields: object) -> Estimate:
    asked = {"category": "UTILITY", "currency": "INR", "on": DAY, "book": BOOK, **fields}
    return estimate(people, **asked)  # type: ignore[arg-type]


def test_an_estimate_counts_people_times_price_by_tier():
    found = ask(People("PRO", "+91", 500), People("BASIC", "+91", 1500))

    assert found.amount == Decimal("230.000")
    assert found.by_tier == {"PRO": Decimal("57.500"), "BASIC": Decimal("172.500")}
    assert (found.people, found.unpriced, found.per_message) == (2000, 0, Decimal("0.115"))
    assert ask(People("PRO", "+91", 2000), category="MARKETING").amount == Decimal("1726.2")


def test_an_estimate_says_which_prices_are_missing():
    found = ask(People("PRO", "+91", 90), People("PRO", "+1202", 10))

    assert (found.people, found.unpriced, found.amount) == (100, 10, Decimal("10.35"))
    assert found.reasons == (
        "No rate for utility messages to +1202 in INR on 29 Nov 2026: 10 people are not in the "
        "estimate. Import the rates.",
    )
    (reason,) = ask(People("PRO", "+91", 90), currency="EUR").reasons
    assert reason == "No rates in EUR: import Meta's list for this currency."


def test_an_estimate_of_nobody_has_no_price_per_message():
    assert (ask().amount, ask().per_message, ask().reasons) == (0, None, ())
