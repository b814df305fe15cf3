"""What the webhooks' door and reader count, for Prometheus."""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Mapping

from prometheus_client import Counter

POSTS = Counter("daybreak_webhook_posts", "Webhook POSTs by what they were answered.", ["answer"])
APPLIED = Counter("daybreak_webhook_items", "Items of webhooks that were applied.", ["kind"])
LEFT_OUT = Counter("daybreak_webhook_items_left_out", "Items that had no effect.", ["what"])

MOST_NAMES = 200  # whoever writes the bodies names the fields: not every name becomes a series
_NAME = re.compile(r"[a-z_.]{1,80}", re.ASCII)
_names: set[str] = set()


def count(applied: Mapping[str, int], left_out: Mapping[str, int]) -> None:
    """Add the items of some webhooks, by kind and by what was strange about them."""
    for kind, number in applied.items():
        APPLIED.labels(kind).inc(number)
    known: Tally[str] = Tally()
    for what, number in left_out.items():
        known[_name(what)] += number
    for what, number in known.items():
        LEFT_OUT.labels(what).inc(number)


def _name(what: str) -> str:
    if what not in _names:
        if len(_names) >= MOST_NAMES or not _NAME.fullmatch(what):
            return "other"
        _names.add(what)
    return what
