"""`/{template}/compare`: which of two templates is blocked less, as an order, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sandbox.formats.errors import Refusal, require
from sandbox.formats.values import natural
from sandbox.templates.message_template import MessageTemplate
from sandbox.world.accounts import Waba
from sandbox.world.reactions import Sums
from sandbox.world.world import World

EDGE = "compare"
WINDOWS_S = (604_800, 2_592_000, 5_184_000, 7_776_000)
LEAST_SENDS = 1_000
CALLS_PER_HOUR = 10
_CLOCK_TOLERANCE_S = 60


def answer(
    world: World, waba: Waba, template: MessageTemplate, query: Mapping[str, str]
) -> dict[str, object]:
    """Raises Refusal: for another account's template, a window that Meta does not know, too few
    sends, too many calls."""
    now = world.clock.now()
    require(waba.comparisons.admit(now, CALLS_PER_HOUR), 80007)
    other = _other(waba, template, query.get("template_ids", ""))
    start, end = (natural(query.get(name), -1) for name in ("start", "end"))
    require(start >= 0 and end >= 0, 100, "The parameters start and end are required.")
    require(
        end - start in WINDOWS_S,
        100,
        "The time range must be exactly 7, 30, 60 or 90 days.",
    )
    require(abs(end - now) <= _CLOCK_TOLERANCE_S, 100, "The time range must end now.")
    sums = {one.id: world.reactions.between(one.id, start, end) for one in (template, other)}
    for one in (template, other):
        require(one.status == "APPROVED", 100, f"Template {one.id} is not approved.")
        enough = sums[one.id].sent >= LEAST_SENDS
        require(
            enough, 100, f"Template {one.id} was sent less than {LEAST_SENDS} times in this range."
        )
    return {"data": _metrics(sums)}


def _other(waba: Waba, template: MessageTemplate, text: str) -> MessageTemplate:
    """The one template that it is compared with; raises Refusal."""
    try:
        named = json.loads(text)
    except (ValueError, RecursionError):
        named = text.split(",")
    ids = [str(one) for one in named] if isinstance(named, list) else [str(named)]
    require(len(ids) == 1 and ids[0], 100, "template_ids must name exactly one other template.")
    require(ids[0] != template.id, 100, "A template cannot be compared with itself.")
    for one in waba.templates.values():
        if one.id == ids[0]:
            return one
    raise Refusal(100, "Both templates must belong to the same WhatsApp Business Account.")


def _metrics(sums: Mapping[str, Sums]) -> list[dict[str, object]]:
    order = sorted(sums, key=lambda name: (sums[name].block_share, name))
    return [
        {"metric": "BLOCK_RATE", "type": "RELATIVE", "order_by_relative_metric": order},
        {
            "metric": "MESSAGE_SENDS",
            "type": "NUMBER_VALUES",
            "number_values": [{"key": name, "value": one.sent} for name, one in sums.items()],
        },
        {
            "metric": "TOP_BLOCK_REASON",
            "type": "STRING_VALUES",
            "string_values": [{"key": name, "value": one.top_reason} for name, one in sums.items()],
        },
    ]
