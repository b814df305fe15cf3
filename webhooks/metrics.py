"""Prometheus counters of the webhook endpoint and of applying.

Webhooks are applied by Celery workers, which nobody scrapes: those counts are kept in the database
and read by whichever process is scraped.
"""

from __future__ import annotations

import logging
import re
from collections import Counter as Tally
from collections.abc import Iterator, Mapping

from django.db import DatabaseError, connection
from prometheus_client import REGISTRY, Counter
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from webhooks.models import ItemCount

log = logging.getLogger(__name__)

POSTS = Counter("daybreak_webhook_posts", "Webhook POSTs by what they were answered.", ["answer"])

NAMES_LIMIT = 200  # field names come from outside: not every one becomes a time series
_NAME = re.compile(r"[a-z_.]{1,80}", re.ASCII)
_names: set[str] = set()

ADD = """
    INSERT INTO webhooks_itemcount (name, left_out, number) VALUES {rows}
    ON CONFLICT (name, left_out) DO UPDATE SET number = webhooks_itemcount.number + excluded.number
"""


class StoredCounter(Collector):
    """A counter whose values are rows of `ItemCount`."""

    _type = "counter"

    def __init__(self, name: str, help_text: str, label: str, *, left_out: bool) -> None:
        self._name, self._help, self._labelnames = name, help_text, (label,)
        self._left_out = left_out

    def describe(self) -> Iterator[CounterMetricFamily]:
        """Asked once, when it is registered: the database may not be there yet."""
        yield self._family()

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Without a database its values are missing, and the other metrics are not."""
        family = self._family()
        rows = ItemCount.objects.filter(left_out=self._left_out).order_by("name")
        try:
            for name, number in rows.values_list("name", "number"):
                family.add_metric([name], number)
        except DatabaseError as error:
            log.warning("the counts of webhook items could not be read: %s", error)
        yield family

    def _family(self) -> CounterMetricFamily:
        return CounterMetricFamily(self._name, self._help, labels=self._labelnames)


APPLIED = StoredCounter(
    "daybreak_webhook_items", "Items of webhooks that were applied.", "kind", left_out=False
)
LEFT_OUT = StoredCounter(
    "daybreak_webhook_items_left_out", "Items that had no effect.", "what", left_out=True
)
REGISTRY.register(APPLIED)
REGISTRY.register(LEFT_OUT)


def count(applied: Mapping[str, int], left_out: Mapping[str, int]) -> None:
    """Add the items of some webhooks, by kind and by why they had no effect: one statement, in the
    transaction that applies them."""
    known: Tally[str] = Tally()
    for what, number in left_out.items():
        known[_series_name(what)] += number
    rows = [(name, False, number) for name, number in applied.items()]
    rows += [(name, True, number) for name, number in known.items()]
    if rows:
        values = ", ".join(["(%s, %s, %s)"] * len(rows))
        # Sorted, so that two processes never wait for each other.
        parameters = [value for row in sorted(rows) for value in row]
        with connection.cursor() as cursor:
            cursor.execute(ADD.format(rows=values), parameters)


def _series_name(what: str) -> str:
    if not _names:
        _names.update(ItemCount.objects.filter(left_out=True).values_list("name", flat=True))
    if what not in _names:
        if len(_names) >= NAMES_LIMIT or not _NAME.fullmatch(what):
            return "other"
        _names.add(what)
    return what
