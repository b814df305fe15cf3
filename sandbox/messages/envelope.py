"""The body of a send around its content: recipient, type, callback data."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from sandbox.formats.errors import Refusal, require
from sandbox.formats.json_types import record, text
from sandbox.templates.message_template import MessageTemplate
from sandbox.world.accounts import Number
from sandbox.world.people import digits_of, wa_id_of
from sandbox.world.world import World

OPAQUE_LIMIT = 512
_USER_ID = re.compile(r"[A-Z]{2}(\.ENT)?\.[0-9A-Za-z]{1,128}")
_PHONE_SIGNS = set("0123456789+ -()")
MEDIA_TYPES = {"image", "video", "document", "audio", "sticker"}
_FREE_FORM_TYPES = MEDIA_TYPES | {"text", "interactive", "reaction", "location", "contacts"}
_TYPES = _FREE_FORM_TYPES | {"template"}
_DIRECT_SEND_KEYS = ("category", "ttl_seconds")


@dataclass(slots=True)
class ValidSend:
    """A send that passed every rule."""

    number: Number
    to: str  # digits with country code, or a BSUID
    wa_id: str  # the same in WhatsApp's spelling
    shown: str  # as the caller wrote it
    opaque: str
    kind: str  # template, text, …
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


def read_envelope(world: World, number: Number, envelope: Any, arrival: float) -> ValidSend:
    """The send without its content; raises Refusal."""
    require(isinstance(envelope, dict), 100, "The request body must be a JSON object.")
    product = envelope.get("messaging_product")
    require(product == "whatsapp", 100, "The parameter messaging_product is required.")
    shown = text(envelope.get("to"), "to") or text(envelope.get("recipient"), "recipient")
    require(shown, 100, "The parameter to is required.")
    to = _recipient(world, envelope, shown)
    require(to != number.digits, 131021)
    kind = _kind(envelope)
    opaque = text(envelope.get("biz_opaque_callback_data"), "biz_opaque_callback_data")
    too_long = f"biz_opaque_callback_data: a text of at most {OPAQUE_LIMIT}."
    require(len(opaque) <= OPAQUE_LIMIT, 131009, too_long)
    context = record(envelope.get("context"), "context")
    text(context.get("message_id"), "context['message_id']")
    text(envelope.get("recipient_identity_key_hash"), "recipient_identity_key_hash")
    for key in _DIRECT_SEND_KEYS:
        require(key not in envelope, 100, f"Param {key} needs Direct Send, which is off.")
    payer = envelope.get("messaging_account_id", number.waba.id)
    require(payer == number.waba.id, 100, "messaging_account_id is not an account of the number.")
    arrival = number.window.after(arrival)
    return ValidSend(number, to, wa_id_of(to), shown, opaque, kind, arrival)


def _recipient(world: World, envelope: dict[str, Any], shown: str) -> str:
    kind = envelope.get("recipient_type", "individual")
    require(kind in ("individual", "group"), 100, "recipient_type: individual or group.")
    if not envelope.get("to"):
        require(_USER_ID.fullmatch(shown), 131009, "recipient is not a user id.")
        return shown
    digits = digits_of(shown)
    valid = set(shown) <= _PHONE_SIGNS and 7 <= len(digits) <= 15
    require(valid, 131009, "to is not a phone number.")
    if world.settings.prepend_country_code and not shown.lstrip().startswith("+"):
        return world.settings.country_code + digits  # as documented; a common cause of bugs
    return digits


def _kind(envelope: dict[str, Any]) -> str:
    kind = envelope.get("type", "text")
    if not isinstance(kind, str):
        raise Refusal(100, "Param type must be a string.")
    require(kind in _TYPES, 131051, f"The message type {kind!r} is not supported.")
    content = envelope.get(kind)
    require(content is not None, 131008, f"The parameter {kind} is required.")
    wanted = list if kind == "contacts" else dict
    name = "array" if kind == "contacts" else "JSON object"
    require(isinstance(content, wanted), 100, f"Param {kind} must be a {name}.")
    return kind
