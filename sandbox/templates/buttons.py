"""Whether the button components of a send fit the buttons of a message template, by index."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sandbox.formats import json_types
from sandbox.formats.errors import Refusal, require
from sandbox.templates.shape import Button

_SUB_TYPES = (
    *("BOOKING_CONFIRMATION", "CATALOG", "COPY_CODE", "FLOW", "MPM", "ORDER_DETAILS"),
    *("QUICK_REPLY", "REMINDER", "URL", "VOICE_CALL"),
)
_SENT_AS = {"OTP": "URL", "SPM": "MPM"}  # the kind of a button that a component names otherwise
# The kind of the one parameter; a kind of button that is not listed takes none.
_PARAMETER = {
    "URL": "text",
    "OTP": "text",
    "COPY_CODE": "coupon_code",
    "QUICK_REPLY": "payload",
    "FLOW": "action",
    "CATALOG": "action",
    "MPM": "action",
    "SPM": "action",
    "ORDER_DETAILS": "action",
    "VOICE_CALL": "payload",
}
_REQUIRED = {"OTP", "COPY_CODE", "MPM", "SPM", "ORDER_DETAILS"}
_COUPON_LIMIT = 20  # characters
_URL_LIMIT = 2000
Component = dict[str, Any]


def parameters_of(component: Component) -> list[Component]:
    """The parameters of one component."""
    parameters: list[Component] | None = component.get("parameters")
    return parameters or []


def joined_parameters(components: Sequence[Component]) -> list[Component]:
    """All parameters of the components of one kind."""
    if not components:
        return []
    if len(components) == 1:
        return parameters_of(components[0])
    return [parameter for component in components for parameter in parameters_of(component)]


def check_text(where: str, text: str) -> None:
    """Raises Refusal 132018 for a text that no parameter may have."""
    if "\n" in text or "\t" in text or "     " in text:
        forbidden = "new-line/tab characters or more than 4 consecutive spaces"
        raise Refusal(132018, f"{where}: Param text cannot have {forbidden}")


def check(buttons: Sequence[Button], components: Sequence[Component]) -> None:
    """Raises Refusal unless every component has its button and every variable its value."""
    if not components and not buttons:
        return
    given: dict[int, list[Component]] = {}
    for component in components:
        place = _place(component)
        _check_kind(buttons, place, component)
        once = f"buttons: Button at index {place} is given more than once"
        require(place not in given, 132018, once)
        given[place] = parameters_of(component)
    for place, button in enumerate(buttons):
        _check_parameters(place, button, given.get(place, []))


def _place(component: Component) -> int:
    index = component.get("index")
    require(index is not None, 131008, "buttons: index is required.")
    require(type(index) in (int, str), 100, "Param index must be a string.")
    valid = re.fullmatch(r"-?[0-9]{1,9}", str(index))
    require(valid, 131009, "buttons: index is not the position of a button.")
    return int(str(index))


def _check_kind(buttons: Sequence[Button], place: int, component: Component) -> None:
    kind = json_types.text(component.get("sub_type"), "sub_type")
    require(kind, 131008, "buttons: sub_type is required.")
    named = kind.upper()
    allowed = f"must be one of {{{', '.join(_SUB_TYPES)}}} - got {kind!r}."
    require(named in _SUB_TYPES, 100, f"Param template['components']['sub_type'] {allowed}")
    require(buttons, 132018, "buttons: Template does not contain buttons.")
    beyond = f"buttons: Template has no button at index {place}"
    require(0 <= place < len(buttons), 131009, beyond)
    wanted = buttons[place].kind
    wanted = _SENT_AS.get(wanted, wanted)
    mismatch = f"buttons: Button at index {place} must be of type {_camel(wanted)}"
    require(named == wanted, 132018, mismatch)


def _check_parameters(place: int, button: Button, given: Sequence[Component]) -> None:
    kind = _PARAMETER.get(button.kind)
    name = f"buttons: Button at index {place} of type {_camel(button.kind)}"
    if kind is None or (button.kind == "URL" and not button.variable):
        require(not given, 132018, f"{name} does not require parameters")
        return
    if not given:
        require(button.kind != "URL" and button.kind not in _REQUIRED, 131008, _missing(name))
        return
    require(len(given) == 1, 132018, f"{name} takes one parameter")
    received = json_types.text(given[0].get("type"), f"{name}: type")
    mismatch = f"{name}: Format mismatch, expected {kind.upper()}, received {received}"
    require(received == kind, 132012, mismatch)
    _check_value(name, kind, given[0].get(kind))


def _missing(name: str) -> str:
    return f"{name} requires a parameter"


def _check_value(name: str, kind: str, value: object) -> None:
    if kind == "payload":
        json_types.text(value, f"{name}: payload")
    elif kind == "action":
        require(json_types.record(value, f"{name}: action"), 131008, f"{name}: action is required")
    else:
        text = json_types.text(value, f"{name}: {kind}")
        limit = _COUPON_LIMIT if kind == "coupon_code" else _URL_LIMIT
        require(text, 131008, _missing(name))
        check_text(name, text)
        require(len(text) <= limit, 131009, f"{name}: at most {limit} characters")


def _camel(kind: str) -> str:
    return kind.title().replace("_", "")
