"""The stored rates: reading them as a price book, and the ones that we ship."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from django.db import connection

from distribution.cost.price_book import Price, PriceBook
from distribution.cost.rate_file import parse
from distribution.models import Rate
from distribution.models.cost import MAX_PREFIX_CHARACTERS

SHIPPED = Path(__file__).with_name("rates_india.csv")


def book(prefixes: Collection[str] | None = None) -> PriceBook:
    """All rates, or those of these prefixes."""
    rows = Rate.objects.order_by("pk")
    if prefixes is not None:
        rows = rows.filter(prefix__in=prefixes)
    columns = ("pk", "prefix", "category", "currency", "valid_from", "price", "from_n")
    return PriceBook(Price(*row) for row in rows.values_list(*columns))


def beginnings(phones: Iterable[str]) -> set[str]:
    """Every beginning of these phones that may be a prefix."""
    short = {phone[:MAX_PREFIX_CHARACTERS] for phone in phones}
    return {phone[:length] for phone in short for length in range(2, MAX_PREFIX_CHARACTERS + 1)}


def load_shipped(**_signal: Any) -> None:
    """Add the rates that we ship and that are missing; what was corrected stays."""
    if Rate._meta.db_table not in connection.introspection.table_names():
        return  # not migrated yet
    parsed = parse(SHIPPED.read_text("utf-8"))
    assert not parsed.errors, parsed.errors
    Rate.objects.bulk_create(
        [Rate(**line.columns()) for line in parsed.lines], ignore_conflicts=True
    )
