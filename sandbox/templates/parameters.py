"""Whether the components of a send fit into a message template: header, body, carousel, offer.

The texts of the details are those of Meta's API, as clients log them. No text is known for a
carousel or an offer; theirs follow the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.formats import json_types
from sandbox.formats.errors import Refusal, require
from sandbox.templates import buttons
from sandbox.templates.shape import Shape, Text

BODY_LIMIT = 1024  # characters after substitution
HEADER_LIMIT = 60
_VALUE_KINDS = ("currency", "date_time")  # shown by their fallback_value
_MEDIA_KINDS = {"image", "video", "document", "gif"}
_COMPONENT_TYPES = (
    *("body", "button", "carousel", "footer", "header", "limited_time_offer", "order_status"),
)
_ALLOWED = ", ".join(_COMPONENT_TYPES).upper()
_NO_COMPONENT = f"Param template['components']['type'] must be one of {{{_ALLOWED}}}."
_PARAMETERS = "template['components']['parameters']"
_FIXED_TYPES = ("footer", "order_status")  # no template of ours has anything to fill in there
Component = dict[str, Any]


@dataclass(slots=True)
class Filling:
    """What a send fills into its template."""

    header: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    media: list[tuple[str, str]] = field(default_factory=list)  # kind and id of uploaded files


def fill(shape: Shape, components: Sequence[object]) -> Filling:
    """The values of a send, if all components fit the template.

    Raises Refusal: 100 no component of Meta's or another JSON type, 132000 wrong count, 132012
    wrong kind or name, 132018 surplus or forbidden, 131008 missing, 131009 no such button.
    """
    by_type = _by_type(components)
    filling = Filling()
    _fill_header(shape, by_type.get("header", []), filling)
    given = buttons.joined_parameters(by_type.get("body", []))
    filling.body = _texts("body", shape.body, given)
    _fill_cards(shape, by_type.get("carousel", []), filling)
    _check_offer(shape, by_type.get("limited_time_offer", []))
    for kind in _FIXED_TYPES:
        given = buttons.joined_parameters(by_type.get(kind, []))
        require(not given, 132018, f"{kind}: Template does not contain such parameters.")
    buttons.check(shape.buttons, by_type.get("button", []))
    return filling


def check_length(shape: Shape, filling: Filling) -> None:
    """Raises Refusal 132005 if the texts are too long after substitution."""
    _check_length("header", shape.header, filling.header, HEADER_LIMIT)
    _check_length("body", shape.body, filling.body, BODY_LIMIT)


def _check_length(where: str, text: Text, values: Sequence[str], limit: int) -> None:
    length = text.fixed_length + sum(map(len, values))
    if length > limit:
        raise Refusal(132005, f"{where}: {length} characters, at most {limit}.")


def _by_type(components: Sequence[object]) -> dict[str, list[Component]]:
    by_type: dict[str, list[Component]] = {}
    for component in components:
        if not isinstance(component, dict):
            raise Refusal(100, "Param template['components'] must be an array of objects.")
        kind = json_types.text(component.get("type"), "template['components']['type']").lower()
        if kind not in _COMPONENT_TYPES:
            raise Refusal(100, _NO_COMPONENT)
        for parameter in json_types.array(component.get("parameters"), _PARAMETERS):
            if not isinstance(parameter, dict):
                raise Refusal(100, f"Param {_PARAMETERS} must be an array of objects.")
        by_type.setdefault(kind, []).append(component)
    return by_type


def _fill_header(shape: Shape, components: list[Component], filling: Filling) -> None:
    wanted = shape.header_format
    if not wanted:
        absent = "header: Template does not contain title component, but the message has one."
        require(not components, 132018, absent)
        return
    given = buttons.joined_parameters(components)
    if wanted == "TEXT":
        filling.header = _texts("header", shape.header, given)
        return
    received = kind_of("header", given[0]) if given else "UNKNOWN"
    mismatch = f"header: Format mismatch, expected {wanted}, received {received}"
    require(received == wanted, 132012, mismatch)
    require(len(given) == 1, 132018, "header: Template takes one parameter.")
    kind = received.lower()
    value = given[0].get(kind)
    content = json_types.record(value, f"header: {kind}")
    if kind in _MEDIA_KINDS:
        filling.media += _file(kind, content)
    elif kind == "location":
        check_location("header: location", content)


def check_location(where: str, content: Component) -> None:
    """Raises Refusal 131008 without coordinates, 100 for another JSON type."""
    for name in ("name", "address"):
        json_types.text(content.get(name), f"{where}.{name}")
    for name in ("latitude", "longitude"):
        given = json_types.coordinate(content.get(name), f"{where}.{name}")
        require(given, 131008, f"{where} needs latitude and longitude.")


def _file(kind: str, content: Component) -> list[tuple[str, str]]:
    """Nothing if the file is given by a link."""
    keys = ("id", "link", "filename")
    name, link, _ = (json_types.text(content.get(key), f"{kind}.{key}") for key in keys)
    require(name or link, 132018, f"header: {kind} needs an id or a link.")
    return [(kind, name)] if name else []


def kind_of(where: str, parameter: Component) -> str:
    """The kind of a parameter, in capitals; raises Refusal 100."""
    return json_types.text(parameter.get("type"), f"{where}: type").upper() or "UNKNOWN"


def _texts(where: str, text: Text, given: Sequence[Component]) -> list[str]:
    """The texts in the order of the placeholders."""
    wanted = text.names
    if len(given) != len(wanted):
        expected = f"does not match the expected number of params ({len(wanted)})"
        counts = f"number of localizable_params ({len(given)}) {expected}"
        raise Refusal(132000, f"{where}: {counts}")
    texts = [_text(where, place, parameter) for place, parameter in enumerate(given, 1)]
    if not text.named:
        for parameter in given:
            if parameter.get("parameter_name") is not None:
                raise Refusal(132012, f"{where}: the template's parameters have no names.")
        return texts
    name = f"{where}: parameter_name"
    names = [json_types.text(parameter.get("parameter_name"), name) for parameter in given]
    same = set(names) == set(wanted)
    require(same, 132012, f"{where}: each parameter needs the parameter_name of the template.")
    return [texts[names.index(name)] for name in wanted]


def _text(where: str, place: int, parameter: Component) -> str:
    kind = parameter.get("type")
    if kind == "text":
        value = parameter.get("text")
    else:
        received = kind_of(where, parameter)
        mismatch = f"{where}: Format mismatch, expected TEXT, received {received}"
        require(kind in _VALUE_KINDS, 132012, mismatch)
        value = json_types.record(parameter.get(str(kind)), f"{where}: {kind}").get(
            "fallback_value"
        )
    text = json_types.text(value, "text")
    if not text:
        raise Refusal(131008, f"{where}: parameter {place} has no text.")
    buttons.check_text(where, text)
    return text


def _fill_cards(shape: Shape, components: list[Component], filling: Filling) -> None:
    """A carousel is filled in card by card, each like a template of its own."""
    if not shape.cards:
        require(not components, 132018, "carousel: Template does not contain a carousel.")
        return
    require(components, 132012, "carousel: Format mismatch, expected CAROUSEL, received UNKNOWN")
    cards = json_types.array(components[0].get("cards"), "carousel: cards")
    counts = f"number of cards ({len(cards)}) does not match the expected {len(shape.cards)}"
    require(len(cards) == len(shape.cards), 132000, f"carousel: {counts}")
    for card_shape, given in zip(shape.cards, cards, strict=True):
        card = json_types.record(given, "carousel: card")
        json_types.integer(card.get("card_index"), "carousel: card_index")
        parts = json_types.array(card.get("components"), "carousel: components")
        inner = fill(card_shape, parts)
        filling.media += inner.media


def _check_offer(shape: Shape, components: list[Component]) -> None:
    if not shape.offer_expires:
        absent = "limited_time_offer: Template does not contain an offer with an end."
        require(not any(map(buttons.parameters_of, components)), 132018, absent)
        return
    given = buttons.joined_parameters(components)
    name = "limited_time_offer: expiration_time_ms"
    received = kind_of("limited_time_offer", given[0]) if given else "UNKNOWN"
    offer = given[0].get(received.lower()) if given else None
    offer = json_types.record(offer, "limited_time_offer")
    require(
        json_types.integer(offer.get("expiration_time_ms"), name), 131008, f"{name} is required."
    )
