"""Who receives the next distribution, by tier and market: for estimates. One query."""

from __future__ import annotations

from collections import Counter

from django.db.models import Count
from django.db.models.functions import Left

from distribution.cost.estimate import People
from subscribers.models import Subscriber
from subscribers.phones import country_prefix

LONGEST_PREFIX = 4  # characters: a plus and a country code
HOME = People("", "+91", 1)  # if there is nobody yet


def people() -> list[People]:
    """The eligible subscribers."""
    rows = Subscriber.objects.eligible().order_by()
    groups = rows.values_list("tier", Left("phone", LONGEST_PREFIX)).annotate(Count("pk"))
    sums: Counter[tuple[str, str]] = Counter()
    for tier, start, count in groups:
        sums[tier, country_prefix(start)] += count
    return [People(tier, prefix, count) for (tier, prefix), count in sorted(sums.items())]
