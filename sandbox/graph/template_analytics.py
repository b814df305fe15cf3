"""`/{waba}/template_analytics`: sent, delivered and read by template and day; never a block."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo

from sandbox.formats.errors import Refusal, require
from sandbox.formats.values import natural
from sandbox.world.accounts import Waba
from sandbox.world.bill import zone_of
from sandbox.world.reactions import Sums
from sandbox.world.world import World

EDGE = "template_analytics"
MOST_TEMPLATES = 10
LOOKBACK_S = 90 * 86_400
_METRICS = ("SENT", "DELIVERED", "READ", "CLICKED", "COST")


def answer(world: World, waba: Waba, query: Mapping[str, str]) -> dict[str, object]:
    """Raises Refusal."""
    require(waba.has_insights, 200007)
    start, end = (natural(query.get(name), -1) for name in ("start", "end"))
    require(0 <= start < end, 100, "Param start must be a timestamp before end.")
    require(start >= world.clock.now() - LOOKBACK_S, 100, "Only the last 90 days can be read.")
    require(query.get("granularity", "DAILY") == "DAILY", 100, "Only DAILY is supported.")
    metrics = _listed(query.get("metric_types", "SENT,DELIVERED,READ"))
    require(set(metrics) <= set(_METRICS), 100, f"metric_types must be of {', '.join(_METRICS)}.")
    ids = _listed(query.get("template_ids", ""))
    require(1 <= len(ids) <= MOST_TEMPLATES, 100, "template_ids must name 1 to 10 templates.")
    known = {template.id for template in waba.templates.values()}
    for name in ids:
        require(name in known, 100, f"Template {name} is not of this account.")
    local = query.get("use_waba_timezone") in ("1", "true")
    zone = zone_of(waba) if local else UTC
    points = [
        _point(name, day, sums, metrics, zone)
        for name in ids
        for day, sums in _days(world, name, start, end, zone).items()
    ]
    return {"data": [{"granularity": "DAILY", "product_type": "cloud_api", "data_points": points}]}


def _listed(text: str) -> list[str]:
    """A list as JSON, or separated by commas."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text.split(",")
    values = value if isinstance(value, list) else [value]
    return [str(one).strip() for one in values if str(one).strip()]


def _days(world: World, name: str, start: int, end: int, zone: tzinfo) -> dict[datetime, Sums]:
    """The sums of each day, by its beginning in the zone."""
    found: dict[datetime, Sums] = {}
    for moment, sums in world.reactions.hours(name):
        if start <= moment < end:
            day = datetime.fromtimestamp(moment, UTC).astimezone(zone).date()
            found.setdefault(datetime.combine(day, time(), zone), Sums()).include(sums)
    return found


def _point(
    name: str, day: datetime, sums: Sums, metrics: list[str], zone: tzinfo
) -> dict[str, object]:
    following = datetime.combine(day.date() + timedelta(days=1), time(), zone)
    told: dict[str, object] = {
        "template_id": name,
        "start": int(day.timestamp()),
        "end": int(following.timestamp()),
    }
    values = {"SENT": sums.sent, "DELIVERED": sums.delivered, "READ": sums.read}
    for metric in metrics:
        told[metric.lower()] = values.get(metric, [])
    return told


def enable(waba: Waba, method: str, query: Mapping[str, str]) -> dict[str, object]:
    """`POST /{waba}?is_enabled_for_insights=true`, which cannot be undone. Raises Refusal."""
    if method != "POST" or query.get("is_enabled_for_insights") != "true":
        raise Refusal(100, f"Unsupported {method} request.")
    waba.has_insights = True
    return {"success": True}
