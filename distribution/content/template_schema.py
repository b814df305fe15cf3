"""The structure of one of Meta's message templates: its slots with names, examples and limits.

Parsed from the mirrored components; no field is trusted to exist. Pure: no database.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from phonepool.json_values import as_string, objects_in

BODY_LIMIT = 1024  # characters of the body once it is filled in (132005 beyond)
HEADER_LIMIT = 60
FOOTER_LIMIT = 60
BUTTON_LIMIT = 2000  # a button's whole address
MEDIA_HEADERS = ("IMAGE", "VIDEO", "DOCUMENT")
# What we can fill in. Everything else needs values that a content does not have, and Meta would
# refuse the message for everybody (132000, 132012, 132018, 131008).
FILLABLE_PARTS = ("HEADER", "BODY", "FOOTER", "BUTTONS")
FILLABLE_HEADERS = ("TEXT", *MEDIA_HEADERS)
FILLABLE_BUTTONS = ("URL", "QUICK_REPLY", "PHONE_NUMBER")
VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
BODY, HEADER, BUTTON = "body", "header", "button"


@dataclass(frozen=True, slots=True)
class Slot:
    """One variable of the template."""

    part: str  # body, header or button
    place: int  # in the body from 0; for a button its index
    name: str  # "1", or a name of its own
    example: str
    room: int  # characters left for all variables of its part together
    times: int = 1  # how often the part uses it

    @property
    def key(self) -> str:
        return f"{self.part}-{self.place}"

    @property
    def label(self) -> str:
        """Its label in the form."""
        if self.part == BUTTON:
            return _("Address of button %(number)s") % {"number": self.place + 1}
        shown = _readable_name(self.name)
        if self.name.isdigit():
            shown = _("Variable %(number)s") % {"number": self.name}
        return _("%(name)s (headline)") % {"name": shown} if self.part == HEADER else shown


@dataclass(frozen=True, slots=True)
class Button:
    kind: str  # URL, QUICK_REPLY, PHONE_NUMBER, …
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class TemplateSchema:
    """A parsed message template. `known` is false while it has no components from Meta."""

    parts: tuple[str, ...]  # HEADER, BODY, FOOTER, BUTTONS, or another kind of component
    header: str  # TEXT, IMAGE, VIDEO, DOCUMENT, LOCATION, or empty: none
    header_text: str
    body: str
    footer: str
    buttons: tuple[Button, ...]
    slots: tuple[Slot, ...]

    @property
    def known(self) -> bool:
        return bool(self.parts)

    @property
    def needs_media(self) -> bool:
        return self.header in MEDIA_HEADERS

    @property
    def names(self) -> tuple[str, ...]:
        """The parameter names to send with the body's texts; empty if variables are numbered."""
        names = tuple(slot.name for slot in self.of(BODY))
        return () if all(name.isdigit() for name in names) else names

    def of(self, part: str) -> tuple[Slot, ...]:
        return tuple(slot for slot in self.slots if slot.part == part)


def parse(components: object) -> TemplateSchema:
    """Parse the components; missing and malformed parts count as absent."""
    parts = {_text(item, "type").upper(): item for item in objects_in(components)}
    header, body = parts.get("HEADER", {}), parts.get("BODY", {})
    kind = (_text(header, "format") or "TEXT").upper() if header else ""
    texts = objects_in(parts.get("BUTTONS", {}).get("buttons"))
    buttons = tuple(
        Button(_text(item, "type").upper(), _text(item, "text"), _text(item, "url"))
        for item in texts
    )
    slots = (
        *(_slots(HEADER, header, HEADER_LIMIT) if kind == "TEXT" else ()),
        *_slots(BODY, body, BODY_LIMIT),
        *_button_slots(texts),
    )
    return TemplateSchema(
        parts=tuple(parts),
        header=kind,
        header_text=_text(header, "text"),
        body=_text(body, "text"),
        footer=_text(parts.get("FOOTER", {}), "text"),
        buttons=buttons,
        slots=slots,
    )


def unfillable(schema: TemplateSchema) -> Iterator[str]:
    """The parts for which a content has no value, or only one where Meta wants several, in
    words."""
    for part in schema.parts:
        if part not in FILLABLE_PARTS:
            yield _("a %(kind)s part") % {"kind": part or "UNKNOWN"}
    if schema.header and schema.header not in FILLABLE_HEADERS:
        yield _("a %(kind)s header") % {"kind": schema.header}
    if len(schema.of(HEADER)) > 1:
        yield _("a headline with several variables")
    for place, button in enumerate(schema.buttons, 1):
        if button.kind not in FILLABLE_BUTTONS:
            kind = button.kind or "UNKNOWN"
            yield _("a %(kind)s button (button %(place)s)") % {"kind": kind, "place": place}
        elif len(VARIABLE.findall(button.url)) > 1:
            yield _("an address with several variables (button %(place)s)") % {"place": place}


def fingerprint(components: object) -> str:
    """Equal for components that send the same message, in any order of their keys.

    Examples do not count: for a picture Meta gives an address that differs at every look.
    """
    return _digest([_without_example(item) for item in objects_in(components)])


def is_fingerprint_of(stored: str, components: object) -> bool:
    """Whether it was taken of these components; earlier ones had the examples in it."""
    return stored in (fingerprint(components), _digest(components))


def _without_example(item: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in item.items() if name != "example"}
    if "buttons" in kept:
        kept["buttons"] = [_without_example(button) for button in objects_in(kept["buttons"])]
    return kept


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _slots(part: str, component: Mapping[str, Any], limit: int) -> Iterator[Slot]:
    text = _text(component, "text")
    room = max(0, limit - len(VARIABLE.sub("", text)))
    counted = Counter(VARIABLE.findall(text))
    names = list(counted)
    if all(name.isdigit() for name in names):
        names.sort(key=int)  # Meta numbers them; a text may use the second one first
    examples = _examples_by_name(part, component.get("example"))
    for place, name in enumerate(names):
        yield Slot(part, place, name, examples.get(name, ""), room, counted[name])


def _button_slots(buttons: Sequence[Mapping[str, Any]]) -> Iterator[Slot]:
    for place, button in enumerate(buttons):
        url = _text(button, "url")
        variable = VARIABLE.search(url)
        if variable:
            given = button.get("example")
            example = str(given[0]) if isinstance(given, list) and given else ""
            room = max(0, BUTTON_LIMIT - len(VARIABLE.sub("", url)))
            yield Slot(BUTTON, place, variable[1], example, room)


def _examples_by_name(part: str, example: object) -> dict[str, str]:
    """Meta's examples by the variable's name."""
    if not isinstance(example, Mapping):
        return {}
    named = objects_in(example.get(f"{part}_text_named_params"))
    if named:
        return {_text(item, "param_name"): _text(item, "example") for item in named}
    rows = example.get(f"{part}_text")
    row = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], list) else rows
    texts = row if isinstance(row, list) else []
    return {str(place): str(text) for place, text in enumerate(texts, 1)}


def _text(item: Mapping[str, Any], name: str) -> str:
    return as_string(item.get(name))


def _readable_name(name: str) -> str:
    return name.replace("_", " ").strip().capitalize() or name
