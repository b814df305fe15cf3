"""Prometheus counters of the webhook endpoint and of applying."""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Mapping

from prometheus_client import Counter

POSTS = Counter("daybreak_webhook_posts", "Webhook POSTs by what they were answered.", ["answer"])
APPLIED = Counter("daybreak_webhook_items", "Items of webhooks that were applied.", ["kind"])
LEFT_OUT = Counter("daybreak_webhook_items_left_out", "Items that had no effect.", ["what"])

NAMES_LIMIT = 200  # field names come from outside: not every one becomes a time series
_NAME = re.compile(r"[a-z_.]{1,80}", re.ASCII)
_names: set[str] = set()


def count(applied: Mapping[str, int], left_out: Mapping[str, int]) -> None:
    """Add the items of some webhooks, by kind and by why they had no effect."""
    for kind, number in applied.items():
        APPLIED.labels(kind).inc(number)
    known: Tally[str] = Tally()
    for what, number in left_out.items():
        known[_series_name(what)] += number
    for what, number in known.items():
        LEFT_OUT.labels(what).inc(number)


def _series_name(what: str) -> str:
    if what not in _names:
        if len(_names) >= NAMES_LIMIT or not _NAME.fullmatch(what):
            return "other"
        _names.add(what)
    return what
