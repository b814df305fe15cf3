"""Simulated actions of Meta and of recipients: flag a number, pause a template, lock, reply.

Each changes the platform's state and posts the webhook that the real platform would post.
"""

from __future__ import annotations

from sandbox.control_request import Command, ControlError, ControlRequest
from sandbox.identifiers import new_wamid
from sandbox.message_templates import CATEGORIES, MessageTemplate, from_components
from sandbox.outcomes import MessageOutcome
from sandbox.payloads import inbound_update, preference_update
from sandbox.sandbox import Sandbox
from sandbox.state import QUALITIES, WINDOW_S, Number, digits_of
from sandbox.timeline import choose_outcome, steps_for

NUMBER_STATES = (
    "PENDING",
    "DELETED",
    "MIGRATED",
    "BANNED",
    "RESTRICTED",
    "RATE_LIMITED",
    "FLAGGED",
    "CONNECTED",
    "DISCONNECTED",
    "UNKNOWN",
    "UNVERIFIED",
)
_ANNOUNCED = {"FLAGGED", "RESTRICTED", "BANNED", "RATE_LIMITED"}
_TIERS = {250: "TIER_250", 2000: "TIER_2K", 10_000: "TIER_10K", 100_000: "TIER_100K"}


async def change_number(sandbox: Sandbox, request: ControlRequest) -> object:
    """Sets a number's status, quality or rate, or starts the upgrade to a higher throughput."""
    request.allow_only("status", "quality", "rate", "code", "throughput", "event", "verified_name")
    number = _number(sandbox, request.name)
    before = number.status
    status = request.choice("status", NUMBER_STATES, before)
    quality = request.choice("quality", QUALITIES, number.quality)
    number.rate = request.number("rate", number.rate)
    number.refusal_code = int(request.number("code", number.refusal_code))
    number.verified_name = request.text("verified_name", number.verified_name)
    number.status, number.quality = status, quality
    event = request.text("event")
    if not event and number.status != before:
        event = "FLAGGED" if number.status in _ANNOUNCED else ""
        event = "UNFLAGGED" if number.status == "CONNECTED" and before in _ANNOUNCED else event
    if "throughput" in request.body:
        _upgrade(sandbox, number, request.text("throughput").upper())
    elif event:
        _queue_number_update(sandbox, number, event)
    return {"id": number.id, "status": number.status, "rate": number.rate, "event": event}


def _upgrade(sandbox: Sandbox, number: Number, level: str) -> None:
    """HIGH starts the maintenance of an upgrade; STANDARD applies at once, without a webhook."""
    if level not in ("HIGH", "STANDARD"):
        raise ControlError("throughput must be HIGH or STANDARD")
    number.level = level
    number.rate = 1000 if level == "HIGH" else 80
    if level == "HIGH":
        wait = sandbox.world.settings.upgrade_s
        number.upgrading_until = sandbox.clock.now() + wait
        _queue_number_update(sandbox, number, "THROUGHPUT_UPGRADE", in_s=wait)


def _queue_number_update(sandbox: Sandbox, number: Number, event: str, in_s: float = 0.0) -> None:
    limit = sandbox.world.settings.portfolio_limit
    value = {
        "display_phone_number": number.digits,
        "event": event,
        "current_limit": _TIERS.get(limit, "TIER_UNLIMITED"),
        "max_daily_conversations_per_business": _TIERS.get(limit, "TIER_UNLIMITED"),
    }
    sandbox.webhooks.queue_management("phone_number_quality_update", value, in_s=in_s)


async def change_template(sandbox: Sandbox, request: ControlRequest) -> object:
    """Sets what Meta decides about a message template, in one or all languages; or adds one."""
    request.allow_only(
        "language",
        "status",
        "category",
        "correct_category",
        "quality",
        "components",
        "ttl_s",
        "reason",
        "title",
    )
    if "components" in request.body:
        return {"id": _add_template(sandbox, request).id}
    language = request.text("language")
    templates = [
        entry
        for entry in sandbox.world.templates_named(request.name)
        if language in ("", entry.language)
    ]
    if not templates:
        raise ControlError(f"there is no message template {request.name}")
    for template in templates:
        _change_template(sandbox, request, template)
    return {"changed": [template.id for template in templates]}


def _add_template(sandbox: Sandbox, request: ControlRequest) -> MessageTemplate:
    world, language = sandbox.world, request.text("language", "en")
    category = request.choice("category", CATEGORIES, "UTILITY")
    template_id = world.next_template_id()
    template = from_components(
        template_id, request.name, language, category, request.body["components"]
    )
    template.status = request.text("status", "APPROVED").upper()
    template.ttl_s = int(request.number("ttl_s", 0)) or None
    world.templates[template.name, template.language] = template
    return template


def _change_template(sandbox: Sandbox, request: ControlRequest, template: MessageTemplate) -> None:
    queue = sandbox.webhooks.queue_management
    known: dict[str, object] = {
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language.replace("_", "-"),
    }
    if status := request.text("status").upper():
        template.status = status
        queue("message_template_status_update", known | _status_change(request, template))
    if quality := request.text("quality").upper():
        scores = {"previous_quality_score": template.quality, "new_quality_score": quality}
        template.quality = quality
        queue("message_template_quality_update", known | scores)
    if correct := request.text("correct_category").upper():
        template.correct_category = correct
        # In the notice before a change, new_category is the current one.
        notice = {"new_category": template.category, "correct_category": correct}
        queue("template_category_update", known | notice)
    if "category" in request.body:
        category = request.choice("category", CATEGORIES)
        template.previous_category, template.category = template.category, category
        moved = {"previous_category": template.previous_category, "new_category": category}
        queue("template_category_update", known | moved)


def _status_change(request: ControlRequest, template: MessageTemplate) -> dict[str, object]:
    change: dict[str, object] = {
        "event": template.status,
        "reason": request.text("reason", "NONE"),
        "message_template_category": template.category,
    }
    if template.status == "PAUSED":
        template.pauses += 1
        title = "FIRST_PAUSE" if template.pauses == 1 else "SECOND_PAUSE"
        change["other_info"] = {"title": request.text("title", title), "description": "Low quality"}
    return change


async def change_recipient(sandbox: Sandbox, request: ControlRequest) -> object:
    """Forces the outcome of a person's messages; `natural` restores the person's own outcome."""
    request.allow_only("outcome", "code", "name")
    person = sandbox.world.person(_person(request.name))
    person.name = request.text("name", person.name)
    wanted = request.text("outcome")
    person.failure_code = int(request.number("code", 0))
    if wanted == "natural":
        person.forced = None
    elif wanted == "failed":
        person.forced = MessageOutcome.SERVER_ERROR
    elif wanted in list(MessageOutcome):
        person.forced = MessageOutcome(wanted)
    elif wanted:
        raise ControlError(f"outcome must be natural, failed or one of {', '.join(MessageOutcome)}")
    return {"outcome": wanted}


async def write_inbound(sandbox: Sandbox, request: ControlRequest) -> object:
    """A person sends us a text, a quick reply's button, or any `message` object."""
    request.allow_only("from", "number", "text", "button", "message", "name", "context")
    world, now = sandbox.world, sandbox.clock.now()
    sender = _person(request.text("from"))
    number = _number_or_first(sandbox, request)
    person = world.person(sender)
    person.writes_until = now + WINDOW_S
    person.name = request.text("name", person.name)
    number.window.admit(now, float("inf"))  # inbound messages use throughput, too
    wamid = new_wamid(sender, inbound=True)
    content = _content(request)
    sandbox.webhooks.queue(inbound_update(world, number, sender, content, wamid, now))
    return {"wamid": wamid}


def _content(request: ControlRequest) -> dict[str, object]:
    if "message" in request.body:
        content: dict[str, object] = dict(request.body["message"])
    elif "button" in request.body:
        button = request.body["button"]
        shown = button if isinstance(button, dict) else {"payload": button, "text": button}
        content = {"type": "button", "button": shown}
    else:
        content = {"type": "text", "text": {"body": request.text("text")}}
    if "context" in request.body:
        content["context"] = request.body["context"]
    return content


async def change_preference(sandbox: Sandbox, request: ControlRequest) -> object:
    """A person stops or resumes marketing messages in WhatsApp's settings."""
    request.allow_only("wa_id", "value", "number")
    person, value = _person(request.text("wa_id")), request.text("value", "stop")
    if value not in ("stop", "resume"):
        raise ControlError("value must be stop or resume")
    sandbox.world.person(person).stopped_marketing = value == "stop"
    number, now = _number_or_first(sandbox, request), sandbox.clock.now()
    sandbox.webhooks.queue(preference_update(sandbox.world, number, person, value, now))
    return {"wa_id": person, "value": value}


async def change_account(sandbox: Sandbox, request: ControlRequest) -> object:
    """Locks, restricts or disables the account, or invalidates its payment or token."""
    request.allow_only("locked", "restricted", "disabled", "payment_ok", "token_ok", "access_token")
    account, queue = sandbox.world.account, sandbox.webhooks.queue_management
    for key in ("locked", "restricted", "disabled", "payment_ok", "token_ok"):
        value = request.flag(key)
        if value is not None:
            setattr(account, key, value)
    account.access_token = request.text("access_token", account.access_token)
    if request.flag("restricted"):
        limits = [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING"}]
        violation = {"violation_type": "SCAM"}
        details = {"violation_info": violation, "restriction_info": limits}
        queue("account_update", {"event": "ACCOUNT_RESTRICTION", **details})
    if request.flag("locked"):
        violation = {"violation_type": "SCAM"}
        queue("account_update", {"event": "ACCOUNT_VIOLATION", "violation_info": violation})
    if (disabled := request.flag("disabled")) is not None:
        state = {"waba_ban_state": "DISABLE" if disabled else "REINSTATE"}
        queue("account_update", {"event": "DISABLED_UPDATE", "ban_info": state})
    return {"locked": account.locked, "restricted": account.restricted}


async def change_portfolio(sandbox: Sandbox, request: ControlRequest) -> object:
    """Sets the limit of unique recipients in 24 h, counted from now on; 0: unlimited."""
    request.allow_only("limit")
    limit = int(request.number("limit", 0))
    sandbox.world.settings.portfolio_limit = limit
    value = {"max_daily_conversations_per_business": limit or -1, "max_phone_numbers_per_waba": 25}
    sandbox.webhooks.queue_management("business_capability_update", value)
    return {"limit": limit}


async def change_pacing(sandbox: Sandbox, request: ControlRequest) -> object:
    """Holds sends for quality assessment; later releases them, or drops all with 132015."""
    request.allow_only("hold", "release", "drop")
    hold = request.flag("hold")
    if hold is not None:
        sandbox.world.account.holding = hold
    ended = [] if not (request.flag("release") or request.flag("drop")) else sandbox.held
    if ended:
        sandbox.held = []
        sandbox.world.account.holding = False
    for message in ended:
        world, now = sandbox.world, sandbox.clock.now()
        message.accepted_at = now  # its webhooks are counted from the release
        chosen = choose_outcome(world, message.to, message.category, free_form=False, now=now)
        outcome = MessageOutcome.DROPPED if request.flag("drop") else chosen
        sandbox.webhooks.plan_steps(message, steps_for(world, message, outcome))
    return {"held": len(sandbox.held), "ended": len(ended)}


def _number(sandbox: Sandbox, name: str) -> Number:
    number = sandbox.world.numbers.get(name)
    if number is None:
        raise ControlError(
            f"there is no number {name}; known are {', '.join(sandbox.world.numbers)}"
        )
    return number


def _number_or_first(sandbox: Sandbox, request: ControlRequest) -> Number:
    name = request.text("number")
    return _number(sandbox, name) if name else next(iter(sandbox.world.numbers.values()))


def _person(text: str) -> str:
    person = text if "." in text else digits_of(text)
    if not person:
        raise ControlError("a person is named by a phone number with country code, or a user id")
    return person


COMMANDS: dict[tuple[str, str], Command] = {
    ("POST", "number"): change_number,
    ("POST", "template"): change_template,
    ("POST", "recipient"): change_recipient,
    ("POST", "inbound"): write_inbound,
    ("POST", "user_preferences"): change_preference,
    ("POST", "account"): change_account,
    ("POST", "portfolio"): change_portfolio,
    ("POST", "pacing"): change_pacing,
}
