"""Counts of the active subscribers, as pages, metrics and API show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Min

from distribution.cached.table_cache import TableCache
from distribution.cost import audience as markets
from distribution.cost.estimate import People
from subscribers.details import placeholders
from subscribers.models import Subscriber

counted: TableCache[Any] = TableCache("CACHE_AUDIENCE_SECONDS", "subscribers_subscriber")


@dataclass(frozen=True, slots=True)
class LanguageAudience:
    """The active subscribers of one language, and one of them as the example."""

    language: str
    people: int
    first: int  # a subscriber's key


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the latest subscribers have each attribute."""

    people: int
    by_name: Mapping[str, int]  # in alphabetical order

    def percent(self, name: str) -> int:
        """Of those who were looked at; less than 100 unless all have it."""
        return 100 * self.by_name.get(name, 0) // self.people if self.people else 0


def total() -> int:
    found: int = counted.get("total", lambda: Subscriber.objects.eligible().count())
    return found


def by_tier() -> Mapping[str, int]:
    found: Mapping[str, int] = counted.get("tiers", _count_tiers)
    return found


def languages() -> list[LanguageAudience]:
    """The languages of the active subscribers, the largest first."""
    found: tuple[LanguageAudience, ...] = counted.get("languages", _count_languages)
    return list(found)


def by_market() -> list[People]:
    """Tiers and markets, for estimates of the cost."""
    found: tuple[People, ...] = counted.get("markets", lambda: tuple(markets.people()))
    return list(found)


def coverage(sampled: int) -> Coverage:
    """Of the latest so many active subscribers: to look into all takes seconds at a million."""
    found: Coverage = counted.get(("coverage", sampled), lambda: _count_attributes(sampled))
    return found


def _count_tiers() -> dict[str, int]:
    rows = Subscriber.objects.eligible().order_by()
    return dict(rows.values_list("tier").annotate(Count("pk")))


def _count_languages() -> tuple[LanguageAudience, ...]:
    rows = Subscriber.objects.eligible().values("language")
    groups = rows.annotate(people=Count("pk"), first=Min("pk")).order_by("-people", "language")
    return tuple(LanguageAudience(row["language"], row["people"], row["first"]) for row in groups)


def _count_attributes(sampled: int) -> Coverage:
    rows = Subscriber.objects.eligible().order_by("-pk").values_list("attributes", flat=True)
    found = list(rows[:sampled])
    counts = Counter(
        name for attributes in found for name in set(map(placeholders.name_of, attributes))
    )
    counts.pop("", None)
    return Coverage(len(found), dict(sorted(counts.items())))
