"""What people do: write, press buttons, edit, stop, change their number or username."""

from __future__ import annotations

from typing import Any

from sandbox.behaviour.outcomes import MessageOutcome
from sandbox.control.request import Commands, ControlRequest, person_of
from sandbox.formats.identifiers import new_wamid
from sandbox.formats.values import InvalidValue
from sandbox.sandbox import Sandbox
from sandbox.webhooks.payloads import inbound_update, preference_update
from sandbox.world.accounts import Number
from sandbox.world.people import WINDOW_S

COMMANDS = Commands()
_FORCED = {"natural": None, "failed": MessageOutcome.SERVER_ERROR} | {
    outcome.value: outcome for outcome in MessageOutcome
}
_RECIPIENT_KEYS = {
    "outcome": tuple(_FORCED),
    "code": int,
    "name": str,
    "username": bool,
    "hides_phone": bool,
    "blocked": bool,
}


@COMMANDS.add("POST", "recipient", _RECIPIENT_KEYS)
async def change_recipient(sandbox: Sandbox, request: ControlRequest) -> object:
    """Forces the outcome of a person's messages, `natural` restores the person's own; whether the
    person has a username and hides the phone number."""
    person = sandbox.world.person(person_of(request.name))
    person.failure_code = request.body.get("code", 0)
    request.assign(person, "name", "username", "hides_phone", "blocked")
    wanted = request.body.get("outcome", "")
    if wanted:
        person.forced = _FORCED[wanted]
    return {"outcome": wanted}


@COMMANDS.add("GET", "recipient")
async def read_recipient(sandbox: Sandbox, request: ControlRequest) -> object:
    """How WhatsApp spells the person, and the user id in each portfolio."""
    world, person = sandbox.world, person_of(request.name)
    ids = {name: world.user_id(person, portfolio) for name, portfolio in world.portfolios.items()}
    return {"wa_id": person, "user_ids": ids}


_EDIT = {"edit": str, "original": str}
_CONTENT_KEYS = {"text": str, "button": Any, "message": dict[str, Any], "context": Any, **_EDIT}


@COMMANDS.add("POST", "inbound", {"from": str, "number": str, "name": str, **_CONTENT_KEYS})
async def write_inbound(sandbox: Sandbox, request: ControlRequest) -> object:
    """A person sends us a text, a quick reply's button, or any `message` object, or edits the
    message `original` into the text `edit`."""
    sender, number = person_of(request.body.get("from", "")), request.number(sandbox)
    person = sandbox.world.person(sender)
    person.writes_until = sandbox.clock.now() + WINDOW_S
    request.assign(person, "name")
    number.window.admit(sandbox.clock.now(), float("inf"))  # inbound uses throughput, too
    return {"wamid": _queue_inbound(sandbox, number, sender, _content(request.body))}


def _content(body: dict[str, Any]) -> dict[str, object]:
    if "message" in body:
        content = dict(body["message"])
    elif "edit" in body:
        message = {"type": "text", "text": {"body": body["edit"]}}
        edit = {"original_message_id": body.get("original", ""), "message": message}
        content = {"type": "edit", "edit": edit}
    elif "button" in body:
        button = body["button"]
        shown = button if isinstance(button, dict) else {"payload": button, "text": button}
        content = {"type": "button", "button": shown}
    else:
        content = {"type": "text", "text": {"body": body.get("text", "")}}
    return content | ({"context": body["context"]} if "context" in body else {})


def _queue_inbound(
    sandbox: Sandbox, number: Number, sender: str, content: dict[str, object]
) -> str:
    wamid, now = new_wamid(sender, inbound=True), sandbox.clock.now()
    sandbox.webhooks.queue(inbound_update(sandbox.world, number, sender, content, wamid, now))
    return wamid


@COMMANDS.add("POST", "changed_number", {"from": str, "to": str, "number": str})
async def change_number(sandbox: Sandbox, request: ControlRequest) -> object:
    """A person moves to another phone number, which brings a new user id."""
    world, number = sandbox.world, request.number(sandbox)
    old, new = (person_of(request.body.get(key, "")) for key in ("from", "to"))
    portfolio = number.waba.portfolio
    system = {
        "type": "user_changed_number",
        "body": f"User changed from {old} to {new}",
        "wa_id": new,
        "user_id": world.user_id(new, portfolio),
        "previous_user_id": world.user_id(old, portfolio),
    }
    _queue_inbound(sandbox, number, old, {"type": "system", "system": system})
    return {key: system[key] for key in ("user_id", "previous_user_id")}


@COMMANDS.add("POST", "changed_user_id", {"from": str, "number": str})
async def change_user_id(sandbox: Sandbox, request: ControlRequest) -> object:
    """A person gets a new user id; no phone number is told."""
    world, number = sandbox.world, request.number(sandbox)
    sender = person_of(request.body.get("from", ""))
    if "." in sender:
        raise InvalidValue("from must be a phone number")
    person, portfolio = world.person(sender), number.waba.portfolio
    previous = world.user_id(sender, portfolio)
    person.new_user_ids += 1
    ids = {"user_id": world.user_id(sender, portfolio), "previous_user_id": previous}
    system = {"type": "user_changed_user_id", **ids}
    hidden, person.hides_phone = person.hides_phone, True
    _queue_inbound(sandbox, number, sender, {"type": "system", "system": system})
    person.hides_phone = hidden
    return ids


@COMMANDS.add(
    "POST", "user_preferences", {"wa_id": str, "value": ("stop", "resume"), "number": str}
)
async def change_preference(sandbox: Sandbox, request: ControlRequest) -> object:
    """A person stops or resumes marketing messages in WhatsApp's settings."""
    person, value = person_of(request.body.get("wa_id", "")), request.body.get("value", "stop")
    sandbox.world.person(person).stopped_marketing = value == "stop"
    number, now = request.number(sandbox), sandbox.clock.now()
    sandbox.webhooks.queue(preference_update(sandbox.world, number, person, value, now))
    return {"wa_id": person, "value": value}
