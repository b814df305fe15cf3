"""Meta's comparison of two message templates: which one is blocked less, and why people block them.

An order and no rates. The only place where Meta says why people block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from phonepool.json_values import as_array, as_constant, as_integer, as_text, objects_in

EDGE = "compare"
DAY_SECONDS = 86_400
WINDOW_DAYS = (7, 30, 60, 90)  # Meta takes windows of exactly these lengths that end now
LEAST_SENDS = 1_000  # of each template, within the window
CALLS_PER_HOUR = 10  # a reseller's figure; Meta names none
LONGEST_REASON = 40


@dataclass(frozen=True, slots=True)
class TemplateOrder:
    """Meta's answer about two templates, by their ids there."""

    order: tuple[str, ...]  # from the fewest blocks per send to the most; empty: not told
    sends: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)  # Meta's word, known or not


def query(other_id: str, days: int, *, now: int) -> dict[str, str]:
    """The query of a comparison with another template over the last days; `now` in Unix seconds."""
    start = now - days * DAY_SECONDS
    return {"template_ids": f"[{other_id}]", "start": str(start), "end": str(now)}


def parse(document: dict[str, Any]) -> TemplateOrder:
    """What a response says; what cannot be read is left out."""
    order: tuple[str, ...] = ()
    sends: dict[str, int] = {}
    reasons: dict[str, str] = {}
    for part in objects_in(document.get("data")):
        match as_constant(part.get("metric")):
            case "BLOCK_RATE":
                told = as_array(part.get("order_by_relative_metric"))
                order = tuple(filter(None, (as_text(one, longest=40) for one in told[:10])))
            case "MESSAGE_SENDS":
                for item in objects_in(part.get("number_values"))[:10]:
                    count = as_integer(item.get("value"))
                    if count is not None:
                        sends[as_text(item.get("key"), longest=40)] = count
            case "TOP_BLOCK_REASON":
                for item in objects_in(part.get("string_values"))[:10]:
                    reason = as_constant(item.get("value"))[:LONGEST_REASON]
                    reasons[as_text(item.get("key"), longest=40)] = reason
            case _:  # a metric that is new
                pass
    return TemplateOrder(order, sends, reasons)
