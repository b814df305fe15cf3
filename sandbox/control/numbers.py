"""What happens to a number: states, quality, throughput, errors of its own."""

from __future__ import annotations

from sandbox.control.request import Commands, ControlRequest
from sandbox.graph.objects import messaging_limit
from sandbox.sandbox import Sandbox
from sandbox.webhooks.payloads import system_error_update
from sandbox.world.accounts import Number
from sandbox.world.options import QUALITIES

COMMANDS = Commands()
_ANNOUNCED = ("FLAGGED", "RESTRICTED", "BANNED", "RATE_LIMITED")  # by a webhook
_UNREGISTERED = ("PENDING", "DELETED", "MIGRATED", "DISCONNECTED", "UNKNOWN", "UNVERIFIED")
_RATES = {"STANDARD": 80, "HIGH": 1000}  # messages per second
_NUMBER_KEYS = {
    "status": ("CONNECTED", *_ANNOUNCED, *_UNREGISTERED),
    "quality": QUALITIES,
    "rate": float,
    "code": int,
    "throughput": tuple(_RATES),
    "event": str,
    "verified_name": str,
    "silent": bool,
}


@COMMANDS.add("POST", "number", _NUMBER_KEYS)
async def change_number(sandbox: Sandbox, request: ControlRequest) -> object:
    """Sets a number's status, quality or rate, or starts the upgrade to a higher throughput;
    `silent` posts no webhook, as Meta posts none for the quality."""
    number = request.number(sandbox, request.name)
    before = number.status
    request.assign(number, "status", "quality", "rate", "verified_name", refusal_code="code")
    event = request.body.get("event") or _event(before, number.status)
    if "throughput" in request.body:
        _upgrade(sandbox, number, request.body["throughput"])
    elif event and not request.body.get("silent"):
        _queue_number_update(sandbox, number, event)
    return {"id": number.id, "status": number.status, "rate": number.rate, "event": event}


def _event(before: str, status: str) -> str:
    """What the webhook says about a change of the status; empty: there is none."""
    if status in _ANNOUNCED and status != before:
        return "FLAGGED"
    return "UNFLAGGED" if status == "CONNECTED" and before in _ANNOUNCED else ""


def _upgrade(sandbox: Sandbox, number: Number, level: str) -> None:
    """HIGH starts the maintenance of an upgrade; STANDARD applies at once, without a webhook."""
    number.level, number.rate = level, _RATES[level]
    if level == "HIGH":
        wait = sandbox.world.settings.upgrade_s
        number.upgrading_until = sandbox.clock.now() + wait
        _queue_number_update(sandbox, number, "THROUGHPUT_UPGRADE", in_s=wait)


def _queue_number_update(sandbox: Sandbox, number: Number, event: str, in_s: float = 0.0) -> None:
    limit = messaging_limit(sandbox.world, number.waba.portfolio)
    value = {
        "display_phone_number": number.digits,
        "event": event,
        "current_limit": limit,
        "max_daily_conversations_per_business": limit,
    }
    field = "phone_number_quality_update"
    sandbox.webhooks.queue_management(number.waba.id, field, value, in_s=in_s)


_ERROR_KEYS = {"code": int, "details": str, "number": str, "times": int, "every_s": float}


@COMMANDS.add("POST", "system_error", _ERROR_KEYS)
async def post_system_error(sandbox: Sandbox, request: ControlRequest) -> object:
    """Posts `value.errors` of a number, `times` over: each is the same, byte for byte."""
    number, body = request.number(sandbox), request.body
    now, times = sandbox.clock.now(), body.get("times", 1)
    for place in range(times):
        happens_at = now + place * body.get("every_s", 1.0)
        code, details = body.get("code", 130429), body.get("details", "")
        sandbox.webhooks.queue(system_error_update(number, code, details, happens_at))
    return {"queued": times}
