"""Whether the components of a send fit into a message template: header, body, carousel, offer.

The texts of the details are those of Meta's API, as clients log them. No text is known for a
carousel or an offer; theirs follow the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.formats.errors import Refusal, require
from sandbox.templates import buttons
from sandbox.templates.shape import Shape, Text

BODY_LIMIT = 1024  # characters after substitution
HEADER_LIMIT = 60
_FORBIDDEN = ("\n", "\t", " " * 5)
_TEXT_KINDS = {"text", "currency", "date_time"}
_MEDIA_KINDS = {"image", "video", "document", "gif"}
_COMPONENT_TYPES = (
    *("body", "button", "carousel", "footer", "header", "limited_time_offer", "order_status"),
)
Component = dict[str, Any]


@dataclass(slots=True)
class Filling:
    """What a send fills into its template."""

    header: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    media: list[tuple[str, str]] = field(default_factory=list)  # kind and id of uploaded files


def fill(shape: Shape, components: object) -> Filling:
    """The values of a send, if all components fit the template.

    Raises Refusal: 100 no component of Meta's, 132000 wrong count, 132012 wrong kind or name,
    132018 surplus or forbidden, 131008 missing, 131009 no such button.
    """
    by_type = _by_type([] if components is None else components)
    filling = Filling()
    _fill_header(shape, by_type.get("header", []), filling)
    given = buttons.joined_parameters(by_type.get("body", []))
    filling.body = _texts("body", shape.body, given)
    _fill_cards(shape, by_type.get("carousel", []), filling)
    _check_offer(shape, by_type.get("limited_time_offer", []))
    buttons.check(shape.buttons, by_type.get("button", []))
    return filling


def check_length(shape: Shape, filling: Filling) -> None:
    """Raises Refusal 132005 if the texts are too long after substitution."""
    for name, text, values, limit in (
        ("header", shape.header, filling.header, HEADER_LIMIT),
        ("body", shape.body, filling.body, BODY_LIMIT),
    ):
        length = text.fixed_length + sum(map(len, values))
        require(length <= limit, 132005, f"{name}: {length} characters, at most {limit}.")


def _by_type(components: object) -> dict[str, list[Component]]:
    if not isinstance(components, list):
        raise Refusal(100, "Param template['components'] must be an array.")
    by_type: dict[str, list[Component]] = {}
    for place, component in enumerate(components):
        where = f"template['components'][{place}]"
        require(isinstance(component, dict), 100, f"Param {where} must be a JSON object.")
        kind = str(component.get("type", "")).lower()
        if kind not in _COMPONENT_TYPES:
            allowed = ", ".join(_COMPONENT_TYPES).upper()
            raise Refusal(100, f"Param {where}['type'] must be one of {{{allowed}}}.")
        parameters = component.get("parameters", [])
        is_list = isinstance(parameters, list) and all(isinstance(p, dict) for p in parameters)
        require(is_list, 100, f"Param {where}['parameters'] must be an array of objects.")
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
    received = str(given[0].get("type", "")).upper() if given else "UNKNOWN"
    mismatch = f"header: Format mismatch, expected {wanted}, received {received}"
    require(received == wanted, 132012, mismatch)
    require(len(given) == 1, 132018, "header: Template takes one parameter.")
    kind = received.lower()
    value = given[0].get(kind)
    if kind in _MEDIA_KINDS:
        filling.media += _file(kind, value)
    elif kind == "location":
        placed = isinstance(value, dict) and value.get("latitude") and value.get("longitude")
        require(placed, 131008, "header: location needs latitude and longitude.")


def _file(kind: str, value: object) -> list[tuple[str, str]]:
    """Nothing if the file is given by a link."""
    found = value if isinstance(value, dict) else {}
    given = found.get("id") or found.get("link")
    require(given, 132018, f"header: {kind} needs an id or a link.")
    return [(kind, str(found["id"]))] if found.get("id") else []


def _texts(where: str, text: Text, given: Sequence[Component]) -> list[str]:
    """The texts in the order of the placeholders."""
    wanted = text.names
    if len(given) != len(wanted):
        expected = f"does not match the expected number of params ({len(wanted)})"
        counts = f"number of localizable_params ({len(given)}) {expected}"
        raise Refusal(132000, f"{where}: {counts}")
    texts = [_text(where, place, parameter) for place, parameter in enumerate(given, 1)]
    if not text.named:
        unnamed = not any("parameter_name" in parameter for parameter in given)
        require(unnamed, 132012, f"{where}: the template's parameters have no names.")
        return texts
    names = [str(parameter.get("parameter_name", "")) for parameter in given]
    same = set(names) == set(wanted)
    require(same, 132012, f"{where}: each parameter needs the parameter_name of the template.")
    return [texts[names.index(name)] for name in wanted]


def _text(where: str, place: int, parameter: Component) -> str:
    kind = parameter.get("type")
    if kind not in _TEXT_KINDS:
        received = str(kind or "unknown").upper()
        raise Refusal(132012, f"{where}: Format mismatch, expected TEXT, received {received}")
    value = parameter.get(kind)
    if kind != "text":
        value = value.get("fallback_value") if isinstance(value, dict) else None
    text = value if isinstance(value, str) else ""
    require(text, 131008, f"{where}: parameter {place} has no text.")
    if any(part in text for part in _FORBIDDEN):
        forbidden = "new-line/tab characters or more than 4 consecutive spaces"
        raise Refusal(132018, f"{where}: Param text cannot have {forbidden}")
    return text


def _fill_cards(shape: Shape, components: list[Component], filling: Filling) -> None:
    """A carousel is filled in card by card, each like a template of its own."""
    if not shape.cards:
        require(not components, 132018, "carousel: Template does not contain a carousel.")
        return
    require(components, 132012, "carousel: Format mismatch, expected CAROUSEL, received UNKNOWN")
    cards = components[0].get("cards")
    cards = cards if isinstance(cards, list) else []
    counts = f"number of cards ({len(cards)}) does not match the expected {len(shape.cards)}"
    require(len(cards) == len(shape.cards), 132000, f"carousel: {counts}")
    for card_shape, card in zip(shape.cards, cards, strict=True):
        inner = fill(card_shape, card.get("components") if isinstance(card, dict) else "")
        filling.media += inner.media


def _check_offer(shape: Shape, components: list[Component]) -> None:
    if not shape.offer_expires:
        absent = "limited_time_offer: Template does not contain an offer with an end."
        require(not any(map(buttons.parameters_of, components)), 132018, absent)
        return
    given = buttons.joined_parameters(components)
    offer = given[0].get("limited_time_offer") if given else None
    end = offer.get("expiration_time_ms") if isinstance(offer, dict) else None
    require(end, 131008, "limited_time_offer: expiration_time_ms is required.")
