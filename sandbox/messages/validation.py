"""Validates a send by the platform's rules, in its order; the first that fails is reported.

Token, number, envelope, state of the number and the account, throughput, pair, message template,
files, length.
"""

from __future__ import annotations

from typing import Any

from sandbox.formats.errors import Refusal, require, unknown_object
from sandbox.formats.json_types import array, record, text
from sandbox.graph.access import check_token
from sandbox.messages.envelope import ValidSend, read_envelope
from sandbox.messages.free_form import check_content
from sandbox.templates.message_template import MessageTemplate
from sandbox.templates.parameters import check_length, fill
from sandbox.world.accounts import SEND, Number
from sandbox.world.world import World

_UNSENDABLE = {"PAUSED": 132015, "DISABLED": 132016}


def validate(
    world: World, number_id: str, authorization: str | None, envelope: Any, arrival: float
) -> ValidSend:
    """The send, if the platform would accept it; else raises Refusal."""
    check_token(world, authorization)
    require(SEND in world.app.scopes, 10, f"The token lacks the permission {SEND}.")
    number = world.numbers.get(number_id)
    if number is None:
        raise unknown_object(number_id)
    send = read_envelope(world, number, envelope, arrival)
    _check_number(world, number, arrival)
    _check_account(world, send)
    _check_rates(world, send)
    if send.kind == "template":
        _check_template(world, send, envelope["template"])
    elif file := check_content(send.kind, envelope[send.kind]):
        _check_file(world, number, send.kind, file)
    return send


def _check_number(world: World, number: Number, now: float) -> None:
    require(number.upgrading_until <= now, 131057)
    listed = world.settings.number_state_codes.get(number.status, 133010)
    details = f"The number's status is {number.status}."
    require(number.status == "CONNECTED", number.refusal_code or listed, details)


def _check_account(world: World, send: ValidSend) -> None:
    waba = send.number.waba
    require(not waba.locked, 131031)
    require(not (waba.disabled or waba.is_restricted(send.arrival)), 368)
    if waba.portfolio.under_review:
        raise Refusal(world.settings.review_refusal, "The business is under review.")
    require(not send.to.startswith(tuple(world.settings.blocked_countries)), 130497)


def _check_rates(world: World, send: ValidSend) -> None:
    settings, number = world.settings, send.number
    if not number.window.admit(send.arrival, number.rate + settings.rate_burst):
        if settings.rate_refusal != "webhook":
            raise Refusal(130429, http=int(settings.rate_refusal))
        send.over_rate = True
    interval, burst = settings.pair_interval_s, settings.pair_burst
    require(number.pairs.admit(send.to, send.arrival, interval=interval, burst=burst), 131056)


def _check_template(world: World, send: ValidSend, wanted: dict[str, Any]) -> None:
    template = _template(send.number, wanted)
    filling = fill(template.shape, array(wanted.get("components"), "template['components']"))
    for kind, name in filling.media:
        _check_file(world, send.number, kind, name)
    check_length(template.shape, filling)
    authentication = template.category == "AUTHENTICATION" and "." in send.to
    require(not authentication, 131062)
    _check_misclassified(send, template)
    send.template, send.parameters = template, filling.body


def _template(number: Number, wanted: dict[str, Any]) -> MessageTemplate:
    name = text(wanted.get("name"), "template['name']")
    language = record(wanted.get("language"), "template['language']")
    code = text(language.get("code"), "template['language']['code']")
    require(name and code, 131008, "template.name and template.language.code are required.")
    template = number.waba.templates.get((name, code))
    if template is None:
        raise Refusal(132001, f"There is no message template {name} in {code}.")
    if template.status != "APPROVED":
        refusal_code = _UNSENDABLE.get(template.status, 132001)
        raise Refusal(refusal_code, f"{name} is {template.status}.")
    require(template.source != "AUTO_GENERATED", 132018, f"{name} was made by Direct Send.")
    return template


def _check_file(world: World, number: Number, kind: str, name: str) -> None:
    """Uploaded files belong to the number that uploaded them, for 30 days."""
    media = world.media.get(name)
    usable = media is not None and media.is_usable(number.id, world.clock.now())
    fault = f"Param {kind}.id is not a valid whatsapp business account media attachment ID"
    require(usable, 100, fault)


def _check_misclassified(send: ValidSend, template: MessageTemplate) -> None:
    """An account that passed marketing off as utility may send little of that category."""
    waba = send.number.waba
    if waba.utility_limit is not None and template.category == "UTILITY":
        require(waba.utility_sent.admit(send.arrival, waba.utility_limit), 131064)
