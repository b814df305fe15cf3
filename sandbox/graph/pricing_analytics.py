"""`pricing_analytics` of an account: its bill by day, as exact as Meta's own: within 1%."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from random import Random

from sandbox.formats.errors import require
from sandbox.world.accounts import Waba
from sandbox.world.bill import Line, zone_of
from sandbox.world.world import World

FIELD = "pricing_analytics"
NOISE_SHARE = 0.01
_ARGUMENT = re.compile(r"\.(\w+)\(([^)]*)\)")


def is_asked(fields: str) -> bool:
    """Whether a read of an account asks for it."""
    return fields.startswith(FIELD)


def answer(world: World, waba: Waba, fields: str) -> dict[str, object]:
    """The data points between `start` and `end`, Unix seconds; days are the account's."""
    asked = dict(_ARGUMENT.findall(fields))
    require(asked.get("start", "").isdigit(), 100, "Param start must be a timestamp.")
    require(asked.get("end", "").isdigit(), 100, "Param end must be a timestamp.")
    require(asked.get("granularity") == "DAILY", 100, "Only DAILY is supported here.")
    start, end = int(asked["start"]), int(asked["end"])
    require(start < end, 100, "Param start must be before end.")
    points = [
        _point(world, waba, line)
        for line in world.bill.lines(world.wabas, world.clock.now())
        if line.waba == waba.id and start <= _begins(waba, line) < end
    ]
    return {FIELD: {"data": [{"data_points": points}]}, "id": waba.id}


def _begins(waba: Waba, line: Line) -> int:
    return int(datetime.combine(line.day, time(), zone_of(waba)).timestamp())


def _point(world: World, waba: Waba, line: Line) -> dict[str, object]:
    rng = Random(f"{world.seed} {line.waba} {line.day} {line.number} {line.category}")
    factor = 1 + rng.uniform(-NOISE_SHARE, NOISE_SHARE)
    following = datetime.combine(line.day + timedelta(days=1), time(), zone_of(waba))
    return {
        "start": _begins(waba, line),
        "end": int(following.timestamp()),
        "phone_number": world.numbers[line.number].digits,
        "country": "IN",
        "tier": "0:MAX",
        "pricing_type": "REGULAR",
        "pricing_category": line.category,
        "volume": round(line.volume * factor),
        "cost": round(float(line.cost) * factor, 5),
    }
