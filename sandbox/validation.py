"""Validates a send by the platform's rules, in its order; the first that fails is reported.

Token, number, envelope, state of the number and the account, throughput, pair, message template.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from sandbox.errors import Refusal, require, unknown_object
from sandbox.message_templates import MessageTemplate, fit_parameters
from sandbox.state import Number, World, digits_of

OPAQUE_LIMIT = 512
_USER_ID = re.compile(r"[A-Z]{2}(\.ENT)?\.[0-9A-Za-z]{1,128}")
_PHONE_SIGNS = set("0123456789+ -()")
_MEDIA_TYPES = {"image", "video", "document", "audio", "sticker"}
_FREE_FORM_TYPES = _MEDIA_TYPES | {"text", "interactive", "reaction", "location", "contacts"}
_TYPES = _FREE_FORM_TYPES | {"template"}
_UNSENDABLE = {"PAUSED": 132015, "DISABLED": 132016}


@dataclass(slots=True)
class ValidSend:
    """A send that passed every rule."""

    number: Number
    to: str  # digits with country code, or a BSUID
    shown: str  # as the caller wrote it
    opaque: str
    arrival: float
    template: MessageTemplate | None = None
    parameters: list[str] = field(default_factory=list)
    over_rate: bool = False  # accepted, then failed by a webhook


def parse(raw: bytes) -> Any:
    """The body as JSON, or None if it is not JSON."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def check_token(world: World, authorization: str | None) -> None:
    """Raises Refusal 190, or for a missing token the configured code."""
    require(authorization, world.settings.missing_token_code)
    valid = authorization == f"Bearer {world.account.access_token}"
    require(valid and world.account.token_ok, 190)


def validate(
    world: World, number_id: str, authorization: str | None, envelope: Any, arrival: float
) -> ValidSend:
    """The send, if the platform would accept it; else raises Refusal."""
    check_token(world, authorization)
    number = world.numbers.get(number_id)
    if number is None:
        raise unknown_object(number_id)
    send = _read_envelope(world, number, envelope, arrival)
    _check_number(world, number, arrival)
    _check_account(world, send)
    _check_rates(world, send)
    if envelope.get("type", "text") == "template":
        _check_template(world, send, envelope.get("template"))
    return send


def _read_envelope(world: World, number: Number, envelope: Any, arrival: float) -> ValidSend:
    require(isinstance(envelope, dict), 100, "The request body must be a JSON object.")
    product = envelope.get("messaging_product")
    require(product == "whatsapp", 100, "The parameter messaging_product is required.")
    shown = envelope.get("to") or envelope.get("recipient")
    require(shown, 100, "The parameter to is required.")
    to = _recipient(world, envelope, shown)
    require(to != number.digits, 131021)
    kind = envelope.get("type", "text")
    require(kind in _TYPES, 131051, f"The message type {kind!r} is not supported.")
    require(isinstance(envelope.get(kind), dict), 131008, f"The parameter {kind} is required.")
    opaque = envelope.get("biz_opaque_callback_data", "")
    fits = isinstance(opaque, str) and len(opaque) <= OPAQUE_LIMIT
    require(fits, 131009, f"biz_opaque_callback_data: a text of at most {OPAQUE_LIMIT}.")
    return ValidSend(number, to, str(shown), opaque, number.window.after(arrival))


def _recipient(world: World, envelope: dict[str, Any], shown: Any) -> str:
    text = shown if isinstance(shown, str) else ""
    if not envelope.get("to"):
        require(_USER_ID.fullmatch(text), 131009, "recipient is not a user id.")
        return text
    digits = digits_of(text)
    valid = set(text) <= _PHONE_SIGNS and 7 <= len(digits) <= 15
    require(valid, 131009, "to is not a phone number.")
    if world.settings.prepend_country_code and not text.lstrip().startswith("+"):
        return world.settings.country_code + digits  # as documented; a common cause of bugs
    return digits


def _check_number(world: World, number: Number, now: float) -> None:
    require(number.upgrading_until <= now, 131057)
    listed = world.settings.number_state_codes.get(number.status, 133010)
    details = f"The number's status is {number.status}."
    require(number.status == "CONNECTED", number.refusal_code or listed, details)


def _check_account(world: World, send: ValidSend) -> None:
    account = world.account
    require(not account.locked, 131031)
    require(not (account.restricted or account.disabled), 368)
    require(not send.to.startswith(tuple(world.settings.blocked_countries)), 130497)


def _check_rates(world: World, send: ValidSend) -> None:
    settings, number = world.settings, send.number
    if not number.window.admit(send.arrival, number.rate + settings.rate_burst):
        if settings.rate_refusal != "webhook":
            raise Refusal(130429, http=int(settings.rate_refusal))
        send.over_rate = True
    interval, burst = settings.pair_interval_s, settings.pair_burst
    require(number.pairs.admit(send.to, send.arrival, interval=interval, burst=burst), 131056)


def _check_template(world: World, send: ValidSend, wanted: Any) -> None:
    name = wanted.get("name")
    language = wanted.get("language")
    code = language.get("code") if isinstance(language, dict) else None
    require(name and code, 131008, "template.name and template.language.code are required.")
    template = world.templates.get((str(name), str(code)))
    if template is None:
        raise Refusal(132001, f"There is no message template {name} in {code}.")
    refusal_code = _UNSENDABLE.get(template.status, 132001)
    require(template.status == "APPROVED", refusal_code, f"{name} is {template.status}.")
    components = wanted.get("components", [])
    send.parameters = fit_parameters(template, components)
    _check_media(world, send.number, components)
    send.template = template


def _check_media(world: World, number: Number, components: Any) -> None:
    """Uploaded files belong to the number that uploaded them."""
    for component in components:
        if component.get("type") != "header":
            continue
        for parameter in component.get("parameters", []):
            media = parameter.get(parameter.get("type")) if isinstance(parameter, dict) else None
            if isinstance(media, dict) and "id" in media:
                known = world.media.get(str(media["id"]))
                owned = known is not None and known.number_id == number.id
                require(owned, 131053, "The media id is unknown to this number.")
