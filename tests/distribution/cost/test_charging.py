"""A message is charged once, with the status that says so, at the price of that day and zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from distribution.analytics import rollups
from distribution.cost import rates
from distribution.models import Cost, Delivery, Rate
from tests.builders import a_draft, a_number, a_waba, some_subscribers
from tests.distribution.cost_days import SIX, a_morning, attempt_of, end
from tests.distribution.staff import a_client
from tests.webhooks.posts import NUMBER, apply, status, statuses

pytestmark = pytest.mark.django_db
BLOCK = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}


@pytest.fixture
def number(db: Any) -> Any:
    return a_number(meta_id=NUMBER, waba=a_waba(currency="INR", time_zone="Asia/Kolkata"))


def told(row: Delivery, word: str, pricing: Any = BLOCK, at: datetime = SIX) -> None:
    item = status(word, attempt_of(row), at=at, wamid=f"w{row.pk}", pricing=pricing)
    apply(statuses(item), now=at + timedelta(seconds=1))


def one(number: Any, at: datetime = SIX, phone: str = "+917012345678") -> Delivery:
    distribution = a_morning(some_subscribers(1, phone=phone), [number], at=at)
    return distribution.deliveries.get()


def charge(row: Delivery) -> Decimal | None:
    row.refresh_from_db()
    return row.rate and row.rate.price


def sums() -> list[tuple[Any, ...]]:
    columns = ("charged", "category", "charged_on", "count", "amount", "currency")
    return list(Cost.objects.order_by("charged", "charged_on").values_list(*columns))


def test_the_shipped_rates_are_there_after_migrate_with_their_source():
    row = Rate.objects.get(category="marketing", valid_from=date(2026, 1, 1))

    assert (row.market, row.prefix, row.currency, row.price) == (
        "India", "+91", "INR", Decimal("0.8631"))  # fmt: skip
    assert "2026-11-28" in row.source


def test_what_is_shipped_never_overwrites_a_correction(number):
    Rate.objects.filter(category="utility").update(price="0.2")
    count = Rate.objects.count()

    rates.load_shipped()

    assert Rate.objects.get(category="utility").price == Decimal("0.2")
    assert Rate.objects.count() == count


def test_a_message_is_charged_when_it_is_delivered_and_once(number):
    row = one(number)

    told(row, "sent")
    assert charge(row) is None

    for word in ("delivered", "delivered", "read"):
        told(row, word)
        assert charge(row) == Decimal("0.115")


def test_the_price_told_with_sent_is_charged_if_delivered_tells_none(number):
    row = one(number)

    told(row, "sent")
    told(row, "delivered", None)

    assert charge(row) == Decimal("0.115")


def test_the_category_of_the_delivery_decides_not_that_of_the_send(number):
    row = one(number)

    told(row, "sent")
    told(row, "delivered", {**BLOCK, "category": "marketing"})

    assert charge(row) == Decimal("0.8631")


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        (None, "UNPRICED"),
        ({**BLOCK, "type": "free_entry_point"}, "FREE"),
        ({**BLOCK, "billable": False}, "FREE"),
        ({**BLOCK, "category": "novelty"}, "NO_RATE"),
    ],
)
def test_what_is_not_charged_is_counted_by_its_reason(number, block, kind):
    row = one(number)
    told(row, "delivered", block)
    end(row.distribution, SIX)

    rollups.recount(row.distribution, now=SIX)

    assert charge(row) is None
    ((charged, _, _, count, amount, _),) = sums()
    assert (charged, count, amount) == (kind, 1, 0)


def test_a_price_that_changes_at_midnight_of_the_account_splits_a_run(number):
    """Midnight in Los Angeles falls into the morning: 13:30 in India."""
    number.waba.currency, number.waba.time_zone = "USD", "America/Los_Angeles"
    number.waba.save()
    for price, day in (("0.0014", "2026-01-01"), ("0.0020", "2026-11-30")):
        Rate.objects.create(
            market="India", prefix="+91", category="utility", price=price, currency="USD",
            valid_from=day, source="a test",
        )  # fmt: skip
    midnight = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
    distribution = a_morning(some_subscribers(2), [number], at=midnight - timedelta(minutes=5))
    early, late = distribution.deliveries.order_by("pk")

    told(early, "delivered", at=midnight - timedelta(seconds=1))
    told(late, "delivered", at=midnight)
    end(distribution, midnight)
    rollups.recount(distribution, now=midnight)

    assert [charge(early), charge(late)] == [Decimal("0.0014"), Decimal("0.002")]
    assert sums() == [
        ("CHARGED", "utility", date(2026, 11, 29), 1, Decimal("0.0014"), "USD"),
        ("CHARGED", "utility", date(2026, 11, 30), 1, Decimal("0.002"), "USD"),
    ]


def test_an_account_in_a_currency_without_rates_is_charged_nothing_and_says_so(number):
    number.waba.currency = "USD"
    number.waba.save()
    row = one(number)
    told(row, "delivered")
    end(row.distribution, SIX)
    rollups.recount(row.distribution, now=SIX)

    assert [charged for charged, *_ in sums()] == ["NO_RATE"]


def test_rates_imported_later_charge_with_the_next_status(number):
    Rate.objects.filter(category="utility").delete()
    row = one(number)
    told(row, "delivered")
    assert charge(row) is None

    rates.load_shipped()
    told(row, "read", None)

    assert charge(row) == Decimal("0.115")


def test_prices_by_volume_count_through_the_mornings_of_a_month(number):
    Rate.objects.create(
        market="India", prefix="+91", category="utility", price="0.1", from_n=4, currency="INR",
        valid_from="2025-07-01", source="a test",
    )  # fmt: skip
    people = some_subscribers(3)
    mornings = [a_morning(people, [number], at=SIX - timedelta(days=2 - day)) for day in range(2)]
    for distribution in mornings:
        for row in distribution.deliveries.all():
            told(row, "delivered", at=distribution.planned_at)
        end(distribution, distribution.planned_at)
    for distribution in reversed(mornings):  # the later one is counted first
        rollups.recount(distribution, now=SIX)

    assert [amount for *_, amount, _ in sums()] == [Decimal("0.345"), Decimal("0.3")]


def test_the_page_of_a_distribution_says_what_it_cost_with_and_without_tax(number, settings):
    distribution = a_morning(some_subscribers(3), [number], at=SIX, content=a_draft())
    first, second, third = distribution.deliveries.order_by("pk")
    told(first, "delivered")
    told(second, "read", {**BLOCK, "category": "marketing"})
    told(third, "delivered", None)
    client = a_client("Viewer")
    address = reverse("admin:distribution_distribution_change", args=[distribution.pk])
    running = " ".join(client.get(address).content.decode().split())
    assert "About ₹0.35 so far: 3 delivered messages at ₹0.12, if all are charged." in running
    assert "counted after it ends" in running

    end(distribution, SIX)
    rollups.recount(distribution, now=SIX)

    page = " ".join(client.get(address).content.decode().split())
    assert "1 message has no pricing from Meta." in page
    assert "₹0.98: ₹0.33 per delivered message. ₹1.15 with 18% GST." in page
