"""What Meta checks when a message template is created, in Meta's order, with its error codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from sandbox.formats.errors import Refusal, require
from sandbox.formats.json_types import array, record, text
from sandbox.templates.message_template import CATEGORIES
from sandbox.templates.shape import shape_of

_NAME = re.compile(r"[a-z0-9_]{1,512}", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
_VARIABLE = re.compile(r"\{\{\s*\w+\s*\}\}")
_EDGES = re.compile(r"\s*\{\{|.*\}\}\s*$|.*\}\}\s*\{\{", re.DOTALL)
_WORD = re.compile(r"[^\W_]+")
_LIMITS = {"HEADER": (60, 2388047), "BODY": (1024, 2388040), "FOOTER": (60, 2388073)}
_MEDIA = ("IMAGE", "VIDEO", "DOCUMENT")
# What Meta takes for promotion; it files the template as marketing without a word.
PROMOTION = re.compile(
    r"\b(offer|offers|discount|sale|cashback|coupon|free|hurry|limited time|last chance"
    r"|(buy|shop|invest|order|subscribe|upgrade) now)\b|% off",
    re.IGNORECASE,
)


class NewTemplate(NamedTuple):
    """A checked creation call."""

    name: str
    language: str
    category: str
    components: list[dict[str, Any]]

    @property
    def is_promotional(self) -> bool:
        return any(PROMOTION.search(shown) for shown in _texts(self.components))


def checked(fields: Mapping[str, Any]) -> NewTemplate:
    """Raises Refusal."""
    name, language = text(fields.get("name"), "name"), text(fields.get("language"), "language")
    require(_NAME.fullmatch(name), 100, "Param name must be lowercase letters, digits and _.")
    require(_LANGUAGE.fullmatch(language), 100, "Param language must be a language code.")
    category = text(fields.get("category"), "category").upper()
    require(category in CATEGORIES, 100, f"Param category must be one of {', '.join(CATEGORIES)}.")
    components = array(fields.get("components"), "components")
    shape_of(components)
    for component in components:
        _check(component, text(component.get("type"), "type").upper())
    return NewTemplate(name, language, category, components)


def _check(component: Mapping[str, Any], kind: str) -> None:
    shown = text(component.get("text"), "text")
    limit, subcode = _LIMITS.get(kind, (0, 0))
    _require(not limit or len(shown) <= limit, subcode, f"{kind} has more than {limit} characters.")
    if kind == "HEADER" and text(component.get("format"), "format").upper() in _MEDIA:
        handles = array(record(component.get("example"), "example").get("header_handle"), "handle")
        fine = handles and all(str(handle).startswith("4:") for handle in handles)
        _require(fine, 2388047, "A media header needs an uploaded sample's handle.")
    if kind == "BODY":
        _check_variables(component, shown)


def _check_variables(component: Mapping[str, Any], shown: str) -> None:
    variables = _VARIABLE.findall(shown)
    _require(
        not _EDGES.match(shown), 2388299, "Variables can't be at the start or end of the template."
    )
    words = _WORD.findall(_VARIABLE.sub(" ", shown))
    enough = len(words) > 2 * len(variables)
    _require(not variables or enough, 2388293, "Too many variables for the length of the message.")
    example = record(component.get("example"), "example")
    rows = array(example.get("body_text"), "body_text")
    named = array(example.get("body_text_named_params"), "body_text_named_params")
    given = named or (rows[0] if rows and isinstance(rows[0], list) else rows)
    fine = len(given) >= len(set(variables))
    _require(fine, 2388043, "Each variable of the body needs an example.")


def _texts(components: list[dict[str, Any]]) -> list[str]:
    own = [str(component.get("text", "")) for component in components]
    buttons = [
        str(button.get("text", ""))
        for component in components
        if isinstance(component.get("buttons"), list)
        for button in component["buttons"]
        if isinstance(button, dict)
    ]
    return own + buttons


def _require(met: object, subcode: int, details: str) -> None:
    if not met:
        raise Refusal(100, details, subcode=subcode)
