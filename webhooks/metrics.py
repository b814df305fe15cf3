"""Prometheus metrics of the webhook endpoint, the inbox and applying.

Webhooks are applied by Celery workers, which nobody scrapes: those counts are kept in the database
and read by whichever process is scraped.
"""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, Count, DateTimeField, F, Min, Value
from django.db.models.functions import Cast
from django.utils import timezone
from prometheus_client import Counter

from distribution.metrics.samples import COUNTER, MetricType, Samples, add
from webhooks.models import ItemCount, WebhookEvent

POSTS = Counter("daybreak_webhook_posts", "Webhook POSTs by what they were answered.", ["answer"])

NAMES_LIMIT = 200  # field names come from outside: not every one becomes a time series
_NAME = re.compile(r"[a-z_.]{1,80}", re.ASCII)
_names: set[str] = set()

APPLIED, LEFT_OUT = "daybreak_webhook_items_total", "daybreak_webhook_items_left_out_total"
PENDING, DEAD, LAST = "pending", "dead", "last"

ADD = """
    INSERT INTO webhooks_itemcount (name, left_out, number) VALUES {rows}
    ON CONFLICT (name, left_out) DO UPDATE SET number = webhooks_itemcount.number + excluded.number
"""


TYPES = (
    MetricType(
        "daybreak_webhook_items_total", "Items of webhooks that were applied.", ("kind",), COUNTER
    ),
    MetricType(
        "daybreak_webhook_items_left_out_total", "Items that had no effect.", ("what",), COUNTER
    ),
    MetricType("daybreak_inbox_pending_webhooks", "Stored webhooks that are not applied yet."),
    MetricType("daybreak_inbox_oldest_seconds", "For how long the first of them waits."),
    MetricType("daybreak_inbox_dead_letters", "Webhooks that were given up."),
    MetricType(
        "daybreak_inbox_last_received_timestamp_seconds", "When Meta's last webhook was stored."
    ),
)


def read() -> Samples:
    """The counts of items, and the state of the inbox: one statement."""
    now, samples = timezone.now(), Samples()
    inbox: dict[str, tuple[int, datetime]] = {}
    for what, name, number, at in _rows():
        if what in (APPLIED, LEFT_OUT):
            add(samples, what, number, name)
        elif number:  # without any, there is a row of none
            inbox[what] = (number, at)
    pending, oldest = inbox.get(PENDING, (0, now))
    add(samples, "daybreak_inbox_pending_webhooks", pending)
    add(samples, "daybreak_inbox_oldest_seconds", (now - oldest).total_seconds())
    add(samples, "daybreak_inbox_dead_letters", inbox.get(DEAD, (0, now))[0])
    if LAST in inbox:
        last = inbox[LAST][1].timestamp()
        add(samples, "daybreak_inbox_last_received_timestamp_seconds", last)
    return samples


def _rows() -> list[tuple[str, str, int, Any]]:
    """Rows of (what, name, number, time)."""

    def rows(query: Any, what: Any, name: Any, number: Any, at: Any) -> Any:
        time = Cast(at, DateTimeField())
        return query.order_by().values_list(what, name, Cast(number, BigIntegerField()), time)

    def sums(query: Any, what: str) -> Any:
        grouped = query.order_by().annotate(what=Value(what)).values("what")
        found = grouped.annotate(number=Count("pk"), first=Min("received_at"))
        return rows(found, F("what"), Value(""), F("number"), F("first"))

    never, events = Value(None, DateTimeField()), WebhookEvent.objects.all()
    items = ItemCount.objects.all()
    latest = events.filter(pk=events.order_by("-pk").values("pk")[:1])
    return list(
        rows(items.filter(left_out=False), Value(APPLIED), F("name"), F("number"), never).union(
            rows(items.filter(left_out=True), Value(LEFT_OUT), F("name"), F("number"), never),
            sums(events.pending(), PENDING),
            sums(events.dead(), DEAD),
            rows(latest, Value(LAST), Value(""), Value(1), F("received_at")),
            all=True,
        )
    )


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
