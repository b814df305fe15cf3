"""What one of Meta's message templates asks for: its slots with names, examples and room.

Read from the mirrored components, wary of every field. Pure: no database.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from phonepool.json_values import as_string, objects_in

BODY_LIMIT = 1024  # characters of the body once it is filled in (132005 beyond)
HEADER_LIMIT = 60
BUTTON_LIMIT = 2000  # a button's whole address
MEDIA_HEADERS = ("IMAGE", "VIDEO", "DOCUMENT")
VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
BODY, HEADER, BUTTON = "body", "header", "button"


@dataclass(frozen=True, slots=True)
class Slot:
    """One variable to fill in."""

    part: str  # body, header or button
    place: int  # in the body from 0; for a button its index
    name: str  # "1", or a name of its own
    example: str
    room: int  # characters that its part leaves for the variables together
    times: int = 1  # how often it stands there

    @property
    def key(self) -> str:
        return f"{self.part}-{self.place}"

    @property
    def label(self) -> str:
        """What the form calls it."""
        if self.part == BUTTON:
            return f"Address of button {self.place + 1}"
        shown = f"Variable {self.name}" if self.name.isdigit() else _words(self.name)
        return f"{shown} (headline)" if self.part == HEADER else shown


@dataclass(frozen=True, slots=True)
class Button:
    kind: str  # URL, QUICK_REPLY, PHONE_NUMBER, …
    text: str
    url: str


@dataclass(frozen=True)
class TemplateForm:
    """A message template taken apart. `known` is false while Meta told us nothing of it."""

    known: bool
    header: str  # TEXT, IMAGE, VIDEO, DOCUMENT, LOCATION, or empty: none
    header_text: str
    body: str
    footer: str
    buttons: tuple[Button, ...]
    slots: tuple[Slot, ...]

    @property
    def needs_media(self) -> bool:
        return self.header in MEDIA_HEADERS

    @cached_property
    def body_slots(self) -> tuple[Slot, ...]:
        return self.of(BODY)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that a send must give with the body's texts; none when they have an order."""
        names = tuple(slot.name for slot in self.body_slots)
        return () if all(name.isdigit() for name in names) else names

    def of(self, part: str) -> tuple[Slot, ...]:
        return tuple(slot for slot in self.slots if slot.part == part)


def read(components: object) -> TemplateForm:
    """Take the components apart; what is missing or strange counts as not there."""
    parts = {_text(item, "type").upper(): item for item in objects_in(components)}
    header, body = parts.get("HEADER", {}), parts.get("BODY", {})
    kind = (_text(header, "format") or "TEXT").upper() if header else ""
    texts = objects_in(parts.get("BUTTONS", {}).get("buttons"))
    return TemplateForm(
        known=bool(parts),
        header=kind,
        header_text=_text(header, "text"),
        body=_text(body, "text"),
        footer=_text(parts.get("FOOTER", {}), "text"),
        buttons=tuple(
            Button(_text(item, "type").upper(), _text(item, "text"), _text(item, "url"))
            for item in texts
        ),
        slots=(
            *(_slots(HEADER, header, HEADER_LIMIT) if kind == "TEXT" else ()),
            *_slots(BODY, body, BODY_LIMIT),
            *_button_slots(texts),
        ),
    )


def fingerprint(components: object) -> str:
    """Alike for alike components, whatever the order of their keys."""
    text = json.dumps(components, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _slots(part: str, component: Mapping[str, Any], limit: int) -> Iterator[Slot]:
    text = _text(component, "text")
    room = max(0, limit - len(VARIABLE.sub("", text)))
    counted = Counter(VARIABLE.findall(text))
    names = list(counted)
    if all(name.isdigit() for name in names):
        names.sort(key=int)  # Meta numbers them; a text may use the second one first
    examples = _examples(part, component.get("example"))
    for place, name in enumerate(names):
        yield Slot(part, place, name, examples.get(name, ""), room, counted[name])


def _button_slots(buttons: Sequence[Mapping[str, Any]]) -> Iterator[Slot]:
    for place, button in enumerate(buttons):
        url = _text(button, "url")
        found = VARIABLE.search(url)
        if found:
            given = button.get("example")
            example = str(given[0]) if isinstance(given, list) and given else ""
            room = max(0, BUTTON_LIMIT - len(VARIABLE.sub("", url)))
            yield Slot(BUTTON, place, found[1], example, room)


def _examples(part: str, example: object) -> dict[str, str]:
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


def _words(name: str) -> str:
    return name.replace("_", " ").strip().capitalize() or name
