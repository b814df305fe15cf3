"""What Meta and people may do to us, on order: flag a number, pause a template, lock, reply.

Each changes the platform's state and posts the webhook that the real platform would post.
"""

from __future__ import annotations

from sandbox.control_request import Ask, AskError, Command
from sandbox.identifiers import new_wamid
from sandbox.message_templates import CATEGORIES, MessageTemplate, from_components
from sandbox.outcomes import Outcome
from sandbox.payloads import inbound_update, preference_update
from sandbox.sandbox import StandIn
from sandbox.state import QUALITIES, WINDOW_S, Number, digits_of
from sandbox.timeline import decide, plan

NUMBER_STATES = (
    *("PENDING", "DELETED", "MIGRATED", "BANNED", "RESTRICTED", "RATE_LIMITED", "FLAGGED"),
    *("CONNECTED", "DISCONNECTED", "UNKNOWN", "UNVERIFIED"),
)
_ANNOUNCED = {"FLAGGED", "RESTRICTED", "BANNED", "RATE_LIMITED"}
_TIERS = {250: "TIER_250", 2000: "TIER_2K", 10_000: "TIER_10K", 100_000: "TIER_100K"}


async def change_number(stand: StandIn, ask: Ask) -> object:
    """Set a number's status, quality, rate; or begin the upgrade to a higher throughput."""
    ask.only("status", "quality", "rate", "code", "throughput", "event", "verified_name")
    number = _number(stand, ask.name)
    before = number.status
    status = ask.choice("status", NUMBER_STATES, before)
    quality = ask.choice("quality", QUALITIES, number.quality)
    number.rate = ask.number("rate", number.rate)
    number.refusal_code = int(ask.number("code", number.refusal_code))
    number.verified_name = ask.word("verified_name", number.verified_name)
    number.status, number.quality = status, quality
    event = ask.word("event")
    if not event and number.status != before:
        event = "FLAGGED" if number.status in _ANNOUNCED else ""
        event = "UNFLAGGED" if number.status == "CONNECTED" and before in _ANNOUNCED else event
    if "throughput" in ask.body:
        _upgrade(stand, number, ask.word("throughput").upper())
    elif event:
        _tell_number(stand, number, event)
    return {"id": number.id, "status": number.status, "rate": number.rate, "event": event}


def _upgrade(stand: StandIn, number: Number, level: str) -> None:
    """HIGH begins the maintenance of an upgrade; STANDARD comes back silently."""
    if level not in ("HIGH", "STANDARD"):
        raise AskError("throughput must be HIGH or STANDARD")
    number.level = level
    number.rate = 1000 if level == "HIGH" else 80
    if level == "HIGH":
        wait = stand.world.settings.upgrade_s
        number.upgrading_until = stand.clock.now() + wait
        _tell_number(stand, number, "THROUGHPUT_UPGRADE", in_s=wait)


def _tell_number(stand: StandIn, number: Number, event: str, in_s: float = 0.0) -> None:
    limit = stand.world.settings.portfolio_limit
    value = {
        "display_phone_number": number.digits,
        "event": event,
        "current_limit": _TIERS.get(limit, "TIER_UNLIMITED"),
        "max_daily_conversations_per_business": _TIERS.get(limit, "TIER_UNLIMITED"),
    }
    stand.webhooks.tell_management("phone_number_quality_update", value, in_s=in_s)


async def change_template(stand: StandIn, ask: Ask) -> object:
    """Set what Meta decides about a message template, in one language or all; or add one."""
    ask.only(
        *("language", "status", "category", "correct_category", "quality", "components"),
        *("ttl_s", "reason", "title"),
    )
    if "components" in ask.body:
        return {"id": _add_template(stand, ask).id}
    language = ask.word("language")
    templates = [
        entry for entry in stand.world.templates_named(ask.name) if language in ("", entry.language)
    ]
    if not templates:
        raise AskError(f"there is no message template {ask.name}")
    for template in templates:
        _change_template(stand, ask, template)
    return {"changed": [template.id for template in templates]}


def _add_template(stand: StandIn, ask: Ask) -> MessageTemplate:
    world, language = stand.world, ask.word("language", "en")
    category = ask.choice("category", CATEGORIES, "UTILITY")
    template_id = world.next_template_id()
    template = from_components(template_id, ask.name, language, category, ask.body["components"])
    template.status = ask.word("status", "APPROVED").upper()
    template.ttl_s = int(ask.number("ttl_s", 0)) or None
    world.templates[template.name, template.language] = template
    return template


def _change_template(stand: StandIn, ask: Ask, template: MessageTemplate) -> None:
    tell = stand.webhooks.tell_management
    known: dict[str, object] = {
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language.replace("_", "-"),
    }
    if status := ask.word("status").upper():
        template.status = status
        tell("message_template_status_update", known | _status_change(ask, template))
    if quality := ask.word("quality").upper():
        scores = {"previous_quality_score": template.quality, "new_quality_score": quality}
        template.quality = quality
        tell("message_template_quality_update", known | scores)
    if correct := ask.word("correct_category").upper():
        template.correct_category = correct
        # In the notice ahead of a change, new_category is the present one.
        notice = {"new_category": template.category, "correct_category": correct}
        tell("template_category_update", known | notice)
    if "category" in ask.body:
        category = ask.choice("category", CATEGORIES)
        template.previous_category, template.category = template.category, category
        moved = {"previous_category": template.previous_category, "new_category": category}
        tell("template_category_update", known | moved)


def _status_change(ask: Ask, template: MessageTemplate) -> dict[str, object]:
    change: dict[str, object] = {
        "event": template.status,
        "reason": ask.word("reason", "NONE"),
        "message_template_category": template.category,
    }
    if template.status == "PAUSED":
        template.pauses += 1
        title = "FIRST_PAUSE" if template.pauses == 1 else "SECOND_PAUSE"
        change["other_info"] = {"title": ask.word("title", title), "description": "Low quality"}
    return change


async def change_recipient(stand: StandIn, ask: Ask) -> object:
    """Force what becomes of a person's messages; `natural` gives the sticky class back."""
    ask.only("outcome", "code", "name")
    person = stand.world.person(_person(ask.name))
    person.name = ask.word("name", person.name)
    wanted = ask.word("outcome")
    person.failure_code = int(ask.number("code", 0))
    if wanted == "natural":
        person.forced = None
    elif wanted == "failed":
        person.forced = Outcome.SERVER_ERROR
    elif wanted in list(Outcome):
        person.forced = Outcome(wanted)
    elif wanted:
        raise AskError(f"outcome must be natural, failed or one of {', '.join(Outcome)}")
    return {"outcome": wanted}


async def write_inbound(stand: StandIn, ask: Ask) -> object:
    """A person writes to us: a text, a quick reply's button, or any `message` object."""
    ask.only("from", "number", "text", "button", "message", "name", "context")
    world, now = stand.world, stand.clock.now()
    sender = _person(ask.word("from"))
    number = _number_or_first(stand, ask)
    person = world.person(sender)
    person.writes_until = now + WINDOW_S
    person.name = ask.word("name", person.name)
    number.window.admit(now, float("inf"))  # what comes in uses up throughput too
    wamid = new_wamid(sender, inbound=True)
    content = _content(ask)
    stand.webhooks.tell(inbound_update(world, number, sender, content, wamid, now))
    return {"wamid": wamid}


def _content(ask: Ask) -> dict[str, object]:
    if "message" in ask.body:
        content: dict[str, object] = dict(ask.body["message"])
    elif "button" in ask.body:
        button = ask.body["button"]
        shown = button if isinstance(button, dict) else {"payload": button, "text": button}
        content = {"type": "button", "button": shown}
    else:
        content = {"type": "text", "text": {"body": ask.word("text")}}
    if "context" in ask.body:
        content["context"] = ask.body["context"]
    return content


async def change_preference(stand: StandIn, ask: Ask) -> object:
    """A person stops or resumes marketing messages by WhatsApp's own control."""
    ask.only("wa_id", "value", "number")
    person, value = _person(ask.word("wa_id")), ask.word("value", "stop")
    if value not in ("stop", "resume"):
        raise AskError("value must be stop or resume")
    stand.world.person(person).stopped_marketing = value == "stop"
    number, now = _number_or_first(stand, ask), stand.clock.now()
    stand.webhooks.tell(preference_update(stand.world, number, person, value, now))
    return {"wa_id": person, "value": value}


async def change_account(stand: StandIn, ask: Ask) -> object:
    """Lock, restrict or disable the account, take its payment or its token away."""
    ask.only("locked", "restricted", "disabled", "payment_ok", "token_ok", "access_token")
    account, tell = stand.world.account, stand.webhooks.tell_management
    for key in ("locked", "restricted", "disabled", "payment_ok", "token_ok"):
        value = ask.flag(key)
        if value is not None:
            setattr(account, key, value)
    account.access_token = ask.word("access_token", account.access_token)
    if ask.flag("restricted"):
        limits = [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING"}]
        violation = {"violation_type": "SCAM"}
        told = {"violation_info": violation, "restriction_info": limits}
        tell("account_update", {"event": "ACCOUNT_RESTRICTION", **told})
    if ask.flag("locked"):
        violation = {"violation_type": "SCAM"}
        tell("account_update", {"event": "ACCOUNT_VIOLATION", "violation_info": violation})
    if (disabled := ask.flag("disabled")) is not None:
        state = {"waba_ban_state": "DISABLE" if disabled else "REINSTATE"}
        tell("account_update", {"event": "DISABLED_UPDATE", "ban_info": state})
    return {"locked": account.locked, "restricted": account.restricted}


async def change_portfolio(stand: StandIn, ask: Ask) -> object:
    """Set the limit of different people in 24 h; 0 is none. People count from now on."""
    ask.only("limit")
    limit = int(ask.number("limit", 0))
    stand.world.settings.portfolio_limit = limit
    value = {"max_daily_conversations_per_business": limit or -1, "max_phone_numbers_per_waba": 25}
    stand.webhooks.tell_management("business_capability_update", value)
    return {"limit": limit}


async def pace(stand: StandIn, ask: Ask) -> object:
    """Hold sends for quality assessment; later release them, or drop them all with 132015."""
    ask.only("hold", "release", "drop")
    hold = ask.flag("hold")
    if hold is not None:
        stand.world.account.holding = hold
    ended = [] if not (ask.flag("release") or ask.flag("drop")) else stand.held
    if ended:
        stand.held = []
        stand.world.account.holding = False
    for message in ended:
        world, now = stand.world, stand.clock.now()
        message.accepted_at = now  # its webhooks are counted from the release
        fate = decide(world, message.to, message.category, free_form=False, now=now)
        outcome = Outcome.DROPPED if ask.flag("drop") else fate
        stand.webhooks.plan_steps(message, plan(world, message, outcome))
    return {"held": len(stand.held), "ended": len(ended)}


def _number(stand: StandIn, name: str) -> Number:
    found = stand.world.numbers.get(name)
    if found is None:
        raise AskError(f"there is no number {name}; known are {', '.join(stand.world.numbers)}")
    return found


def _number_or_first(stand: StandIn, ask: Ask) -> Number:
    name = ask.word("number")
    return _number(stand, name) if name else next(iter(stand.world.numbers.values()))


def _person(text: str) -> str:
    person = text if "." in text else digits_of(text)
    if not person:
        raise AskError("a person is named by a phone number with country code, or a user id")
    return person


COMMANDS: dict[tuple[str, str], Command] = {
    ("POST", "number"): change_number,
    ("POST", "template"): change_template,
    ("POST", "recipient"): change_recipient,
    ("POST", "inbound"): write_inbound,
    ("POST", "user_preferences"): change_preference,
    ("POST", "account"): change_account,
    ("POST", "portfolio"): change_portfolio,
    ("POST", "pacing"): pace,
}
