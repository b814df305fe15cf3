"""Simulated actions of Meta and of recipients: flag a number, pause a template, lock, reply.

Each changes the platform's state and posts the webhook that the real platform would post.
"""

from __future__ import annotations

from typing import Any

from sandbox.control_request import Commands, ControlRequest
from sandbox.graph_objects import messaging_limit
from sandbox.identifiers import new_wamid
from sandbox.message_templates import CATEGORIES, MessageTemplate
from sandbox.outcomes import MessageOutcome
from sandbox.payloads import inbound_update, preference_update
from sandbox.sandbox import Sandbox
from sandbox.state import QUALITIES, WINDOW_S, Number, digits_of
from sandbox.timeline import choose_outcome, steps_for
from sandbox.values import InvalidValue

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
}


@COMMANDS.add("POST", "number", _NUMBER_KEYS)
async def change_number(sandbox: Sandbox, request: ControlRequest) -> object:
    """Sets a number's status, quality or rate, or starts the upgrade to a higher throughput."""
    number = _number(sandbox, request.name)
    before = number.status
    request.assign(number, "status", "quality", "rate", "verified_name", refusal_code="code")
    event = request.body.get("event") or _event(before, number.status)
    if "throughput" in request.body:
        _upgrade(sandbox, number, request.body["throughput"])
    elif event:
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
    limit = messaging_limit(sandbox.world)
    value = {
        "display_phone_number": number.digits,
        "event": event,
        "current_limit": limit,
        "max_daily_conversations_per_business": limit,
    }
    sandbox.webhooks.queue_management("phone_number_quality_update", value, in_s=in_s)


_TEMPLATE_KEYS = {
    "language": str,
    "status": str,
    "category": CATEGORIES,
    "correct_category": str,
    "quality": str,
    "components": list[Any],
    "ttl_s": int,
    "reason": str,
    "title": str,
}


@COMMANDS.add("POST", "template", _TEMPLATE_KEYS)
async def change_template(sandbox: Sandbox, request: ControlRequest) -> object:
    """Sets what Meta decides about a message template, in one or all languages; or adds one."""
    if "components" in request.body:
        return {"id": _add_template(sandbox, request).id}
    language = request.body.get("language", "")
    templates = [
        entry
        for entry in sandbox.world.templates.values()
        if entry.name == request.name and language in ("", entry.language)
    ]
    if not templates:
        raise InvalidValue(f"there is no message template {request.name}")
    for template in templates:
        _change_template(sandbox, request, template)
    return {"changed": [template.id for template in templates]}


def _add_template(sandbox: Sandbox, request: ControlRequest) -> MessageTemplate:
    body, language = request.body, request.body.get("language", "en")
    template = sandbox.world.add_template(
        request.name, language, body.get("category", "UTILITY"), body["components"]
    )
    template.status = body.get("status", "APPROVED").upper()
    template.ttl_s = body.get("ttl_s") or None
    return template


def _change_template(sandbox: Sandbox, request: ControlRequest, template: MessageTemplate) -> None:
    queue, body = sandbox.webhooks.queue_management, request.body
    known: dict[str, object] = {
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language.replace("_", "-"),
    }
    if body.get("status"):
        template.status = body["status"].upper()
        queue("message_template_status_update", known | _status_change(request, template))
    if body.get("quality"):
        before, template.quality = template.quality, body["quality"].upper()
        scores = {"previous_quality_score": before, "new_quality_score": template.quality}
        queue("message_template_quality_update", known | scores)
    if body.get("correct_category"):
        template.correct_category = body["correct_category"].upper()
        # In the notice before a change, new_category is the current one.
        notice = {"new_category": template.category, "correct_category": template.correct_category}
        queue("template_category_update", known | notice)
    if body.get("category"):
        template.previous_category, template.category = template.category, body["category"]
        moved = {
            "previous_category": template.previous_category,
            "new_category": template.category,
        }
        queue("template_category_update", known | moved)


def _status_change(request: ControlRequest, template: MessageTemplate) -> dict[str, object]:
    change: dict[str, object] = {
        "event": template.status,
        "reason": request.body.get("reason", "NONE"),
        "message_template_category": template.category,
    }
    if template.status == "PAUSED":
        template.pauses += 1
        title = "FIRST_PAUSE" if template.pauses == 1 else "SECOND_PAUSE"
        title = request.body.get("title", title)
        change["other_info"] = {"title": title, "description": "Low quality"}
    return change


_FORCED = {"natural": None, "failed": MessageOutcome.SERVER_ERROR} | {
    outcome.value: outcome for outcome in MessageOutcome
}


@COMMANDS.add("POST", "recipient", {"outcome": tuple(_FORCED), "code": int, "name": str})
async def change_recipient(sandbox: Sandbox, request: ControlRequest) -> object:
    """Forces the outcome of a person's messages; `natural` restores the person's own outcome."""
    person = sandbox.world.person(_person(request.name))
    person.failure_code = request.body.get("code", 0)
    request.assign(person, "name")
    wanted = request.body.get("outcome", "")
    if wanted:
        person.forced = _FORCED[wanted]
    return {"outcome": wanted}


_CONTENT_KEYS = {"text": str, "button": Any, "message": dict[str, Any], "context": Any}


@COMMANDS.add("POST", "inbound", {"from": str, "number": str, "name": str, **_CONTENT_KEYS})
async def write_inbound(sandbox: Sandbox, request: ControlRequest) -> object:
    """A person sends us a text, a quick reply's button, or any `message` object."""
    world, now = sandbox.world, sandbox.clock.now()
    sender = _person(request.body.get("from", ""))
    number = _number_or_first(sandbox, request)
    person = world.person(sender)
    person.writes_until = now + WINDOW_S
    request.assign(person, "name")
    number.window.admit(now, float("inf"))  # inbound messages use throughput, too
    wamid = new_wamid(sender, inbound=True)
    content = _content(request.body)
    sandbox.webhooks.queue(inbound_update(world, number, sender, content, wamid, now))
    return {"wamid": wamid}


def _content(body: dict[str, Any]) -> dict[str, object]:
    if "message" in body:
        content = dict(body["message"])
    elif "button" in body:
        button = body["button"]
        shown = button if isinstance(button, dict) else {"payload": button, "text": button}
        content = {"type": "button", "button": shown}
    else:
        content = {"type": "text", "text": {"body": body.get("text", "")}}
    return content | ({"context": body["context"]} if "context" in body else {})


@COMMANDS.add(
    "POST", "user_preferences", {"wa_id": str, "value": ("stop", "resume"), "number": str}
)
async def change_preference(sandbox: Sandbox, request: ControlRequest) -> object:
    """A person stops or resumes marketing messages in WhatsApp's settings."""
    person, value = _person(request.body.get("wa_id", "")), request.body.get("value", "stop")
    sandbox.world.person(person).stopped_marketing = value == "stop"
    number, now = _number_or_first(sandbox, request), sandbox.clock.now()
    sandbox.webhooks.queue(preference_update(sandbox.world, number, person, value, now))
    return {"wa_id": person, "value": value}


_ACCOUNT_FLAGS = ("locked", "restricted", "disabled", "payment_ok", "token_ok")


@COMMANDS.add("POST", "account", {**dict.fromkeys(_ACCOUNT_FLAGS, bool), "access_token": str})
async def change_account(sandbox: Sandbox, request: ControlRequest) -> object:
    """Locks, restricts or disables the account, or invalidates its payment or token."""
    account, body = sandbox.world.account, request.body
    request.assign(account, *_ACCOUNT_FLAGS, "access_token")
    violation = {"violation_info": {"violation_type": "SCAM"}}
    if body.get("restricted"):
        limits = [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING"}]
        _queue_account_update(sandbox, "ACCOUNT_RESTRICTION", **violation, restriction_info=limits)
    if body.get("locked"):
        _queue_account_update(sandbox, "ACCOUNT_VIOLATION", **violation)
    if "disabled" in body:
        state = {"waba_ban_state": "DISABLE" if body["disabled"] else "REINSTATE"}
        _queue_account_update(sandbox, "DISABLED_UPDATE", ban_info=state)
    return {"locked": account.locked, "restricted": account.restricted}


def _queue_account_update(sandbox: Sandbox, event: str, **details: object) -> None:
    sandbox.webhooks.queue_management("account_update", {"event": event, **details})


@COMMANDS.add("POST", "portfolio", {"limit": int})
async def change_portfolio(sandbox: Sandbox, request: ControlRequest) -> object:
    """Sets the limit of unique recipients in 24 h, counted from now on; 0: unlimited."""
    limit = request.body.get("limit", 0)
    sandbox.world.settings.portfolio_limit = limit
    value = {"max_daily_conversations_per_business": limit or -1, "max_phone_numbers_per_waba": 25}
    sandbox.webhooks.queue_management("business_capability_update", value)
    return {"limit": limit}


@COMMANDS.add("POST", "pacing", {"hold": bool, "release": bool, "drop": bool})
async def change_pacing(sandbox: Sandbox, request: ControlRequest) -> object:
    """Holds sends for quality assessment; later releases them, or drops all with 132015."""
    world, drop = sandbox.world, request.body.get("drop", False)
    request.assign(world.account, holding="hold")
    ended = sandbox.held if drop or request.body.get("release") else []
    if ended:
        sandbox.held = []
        world.account.holding = False
    for message in ended:
        now = sandbox.clock.now()
        message.accepted_at = now  # its webhooks are counted from the release
        chosen = choose_outcome(world, message.to, message.category, free_form=False, now=now)
        outcome = MessageOutcome.DROPPED if drop else chosen
        sandbox.webhooks.plan_steps(message, steps_for(world, message, outcome))
    return {"held": len(sandbox.held), "ended": len(ended)}


def _number(sandbox: Sandbox, name: str) -> Number:
    number = sandbox.world.numbers.get(name)
    if number is None:
        raise InvalidValue(
            f"there is no number {name}; known are {', '.join(sandbox.world.numbers)}"
        )
    return number


def _number_or_first(sandbox: Sandbox, request: ControlRequest) -> Number:
    return _number(sandbox, request.body.get("number") or next(iter(sandbox.world.numbers)))


def _person(text: str) -> str:
    person = text if "." in text else digits_of(text)
    if not person:
        raise InvalidValue("a person is named by a phone number with country code, or a user id")
    return person
