"""The stored rates: reading them as a price book, and the ones that we ship."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from django.db import connection

from distribution.cost.price_book import SAME_PRICE, Price, PriceBook
from distribution.cost.rate_file import parse
from distribution.models import Rate

SHIPPED = Path(__file__).with_name("rates_india.csv")


def book(categories: Collection[str] | None = None) -> PriceBook:
    """All rates, or those of these categories."""
    rows = Rate.objects.order_by("pk")
    if categories is not None:
        rows = rows.filter(category__in={SAME_PRICE.get(one, one) for one in categories})
    columns = ("pk", "prefix", "category", "currency", "valid_from", "price", "from_n")
    return PriceBook(Price(*row) for row in rows.values_list(*columns))


def load_shipped(**_signal: Any) -> None:
    """Add the rates that we ship and that are missing; what was corrected stays."""
    if Rate._meta.db_table not in connection.introspection.table_names():
        return  # not migrated yet
    parsed = parse(SHIPPED.read_text("utf-8"))
    assert not parsed.errors, parsed.errors
    Rate.objects.bulk_create(
        [Rate(**line.columns()) for line in parsed.lines], ignore_conflicts=True
    )
