"""What the components of a message template leave to be filled in by a send."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.formats.errors import require
from sandbox.formats.json_types import array, record, text

_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Text:
    """A text with placeholders: their names in order, and the number of other characters."""

    names: tuple[str, ...] = ()
    fixed_length: int = 0
    named: bool = False  # placeholders have names instead of positions


@dataclass(frozen=True, slots=True)
class Button:
    """A button; `variable` is a URL that ends in a placeholder."""

    kind: str  # QUICK_REPLY, URL, PHONE_NUMBER, COPY_CODE, OTP, FLOW, CATALOG, …
    variable: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """The parts of a template. `header_format` is empty without a header."""

    header_format: str = ""  # TEXT, IMAGE, VIDEO, DOCUMENT, LOCATION
    header: Text = Text()
    body: Text = Text()
    buttons: tuple[Button, ...] = ()
    cards: tuple[Shape, ...] = ()  # of a carousel
    offer_expires: bool = False  # a limited-time offer, which needs its end


def shape_of(components: object) -> Shape:
    """The shape of a template's components; raises Refusal 100 for what is no template."""
    parts = _by_type(components)
    body = text(parts.get("BODY", {}).get("text"), "text")
    require(body, 100, "A template needs a component of type BODY with a text.")
    return _shape(parts)


def _shape(parts: Mapping[str, Mapping[str, Any]]) -> Shape:
    header, offer = parts.get("HEADER"), parts.get("LIMITED_TIME_OFFER", {})
    buttons = array(parts.get("BUTTONS", {}).get("buttons"), "buttons")
    cards = array(parts.get("CAROUSEL", {}).get("cards"), "cards")
    expiration = record(offer.get("limited_time_offer"), "limited_time_offer")
    return Shape(
        (text(header.get("format"), "format") or "TEXT").upper() if header is not None else "",
        _text(header),
        _text(parts.get("BODY")),
        tuple(_button(record(button, "buttons")) for button in buttons),
        tuple(_shape(_by_type(record(card, "cards").get("components"))) for card in cards),
        expiration.get("has_expiration") is True,
    )


def _by_type(components: object) -> dict[str, Mapping[str, Any]]:
    listed = array(components, "components")
    are_objects = all(isinstance(component, dict) for component in listed)
    require(are_objects, 100, "Param components must be an array of objects.")
    return {text(component.get("type"), "type").upper(): component for component in listed}


def _text(component: Mapping[str, Any] | None) -> Text:
    shown = text(component.get("text"), "text") if component is not None else ""
    names = tuple(dict.fromkeys(_PLACEHOLDER.findall(shown)))
    named = not all(map(str.isdecimal, names))
    return Text(names, len(_PLACEHOLDER.sub("", shown)), named)


def _button(button: Mapping[str, Any]) -> Button:
    return Button(text(button.get("type"), "type").upper(), "{{" in text(button.get("url"), "url"))
