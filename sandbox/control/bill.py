"""The bill, exact to the message, and its prices."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from decimal import Decimal, InvalidOperation

from sandbox.control.request import Commands, ControlRequest
from sandbox.formats.values import InvalidValue
from sandbox.sandbox import Sandbox
from sandbox.templates.message_template import CATEGORIES
from sandbox.world.bill import Price

COMMANDS = Commands()


@COMMANDS.add("GET", "bill")
async def read_bill(sandbox: Sandbox, _: ControlRequest) -> object:
    """What was delivered until now and what Meta bills for it, by account, day of the account,
    number and category; `unpriced` are the messages of which no status told a price."""
    world = sandbox.world
    lines = world.bill.lines(world.wabas, world.clock.now())
    return {
        "lines": [
            {**asdict(line), "day": line.day.isoformat(), "cost": str(line.cost)} for line in lines
        ],
        "volume": sum(line.volume for line in lines),
        "unpriced": sum(line.unpriced for line in lines),
        "cost": str(sum((line.cost for line in lines), Decimal(0))),
    }


_PRICE_KEYS = {"category": CATEGORIES, "price": str, "valid_from": str, "from_n": int}


@COMMANDS.add("POST", "price", _PRICE_KEYS)
async def set_price(sandbox: Sandbox, request: ControlRequest) -> object:
    """Adds a price of a category from a day on, in the account's zone; `from_n` (1) for a step by
    the volume of the month."""
    body = request.body
    try:
        day, price = date.fromisoformat(body["valid_from"]), Decimal(body["price"])
    except (KeyError, ValueError, InvalidOperation):
        raise InvalidValue("valid_from is a day like 2027-01-01, price a number") from None
    prices = sandbox.world.bill.prices.setdefault(body.get("category", "UTILITY"), [])
    prices.append(Price(day, body.get("from_n", 1), price))
    return {"prices": len(prices)}
