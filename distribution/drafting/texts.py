"""The words of a message template that may be rewritten, apart from everything else in it. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from distribution.content import template_schema
from distribution.content.template_schema import VARIABLE, Slot
from phonepool.json_values import objects_in

HEADER, BODY, FOOTER, BUTTON = "header", "body", "footer", "button-"
TYPE, QUICK_REPLY = "type", "QUICK_REPLY"


@dataclass(frozen=True, slots=True)
class Texts:
    """Empty: there is no such part. Buttons beyond those of the template are new quick replies."""

    header: str = ""
    body: str = ""
    footer: str = ""
    buttons: tuple[str, ...] = ()

    def parts(self) -> Iterator[tuple[str, str]]:
        """Each part by its key, with its text."""
        yield HEADER, self.header
        yield BODY, self.body
        yield FOOTER, self.footer
        for place, text in enumerate(self.buttons):
            yield f"{BUTTON}{place}", text

    def with_part(self, part: str, text: str) -> Texts:
        if part == HEADER:
            return replace(self, header=text)
        if part == BODY:
            return replace(self, body=text)
        if part == FOOTER:
            return replace(self, footer=text)
        place, buttons = int(part.removeprefix(BUTTON)), list(self.buttons)
        buttons[place : place + 1] = [text]
        return replace(self, buttons=tuple(buttons))


def label(part: str) -> str:
    """The name of a part on pages."""
    names = {HEADER: _("Headline"), BODY: _("Text"), FOOTER: _("Footer")}
    if part in names:
        return names[part]
    return _("Button %(number)s") % {"number": int(part.removeprefix(BUTTON)) + 1}


def of(components: object) -> Texts:
    schema = template_schema.parse(components)
    return Texts(
        header=schema.header_text if schema.header == "TEXT" else "",
        body=schema.body,
        footer=schema.footer,
        buttons=tuple(button.text for button in schema.buttons),
    )


def put_into(components: object, texts: Texts) -> list[dict[str, Any]]:
    """The components with these words, and with a sample for each variable of the body."""
    found = [copy.deepcopy(item) for item in objects_in(components)]
    kinds = {str(item.get(TYPE, "")).upper(): item for item in found}
    if "HEADER" in kinds and texts.header:
        kinds["HEADER"]["text"] = texts.header
    if "BODY" in kinds:
        kinds["BODY"]["text"] = texts.body
    if "FOOTER" in kinds and not texts.footer:
        found.remove(kinds["FOOTER"])
    elif "FOOTER" in kinds:
        kinds["FOOTER"]["text"] = texts.footer
    elif texts.footer:
        place = found.index(kinds["BUTTONS"]) if "BUTTONS" in kinds else len(found)
        found.insert(place, {TYPE: "FOOTER", "text": texts.footer})
    if texts.buttons and "BUTTONS" not in kinds:
        kinds["BUTTONS"] = {TYPE: "BUTTONS", "buttons": []}
        found.append(kinds["BUTTONS"])
    if "BUTTONS" in kinds:
        _put_buttons(kinds["BUTTONS"], texts.buttons)
    return _with_samples(found)


def _put_buttons(component: dict[str, Any], texts: tuple[str, ...]) -> None:
    buttons = objects_in(component.get("buttons"))
    for button, text in zip(buttons, texts, strict=False):
        button["text"] = text
    buttons += [{TYPE: QUICK_REPLY, "text": text} for text in texts[len(buttons) :]]
    component["buttons"] = buttons


def _with_samples(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Meta wants an example of each variable; what lacks one gets the variable's name."""
    slots = template_schema.parse(components).of(template_schema.BODY)
    if not slots or all(slot.example for slot in slots):
        return components
    for item in components:
        if str(item.get(TYPE, "")).upper() == "BODY":
            item["example"] = _example(slots)
    return components


def _example(slots: tuple[Slot, ...]) -> dict[str, Any]:
    samples = [slot.example or slot.label for slot in slots]
    if all(slot.name.isdigit() for slot in slots):
        return {"body_text": [samples]}
    named = zip(slots, samples, strict=True)
    return {
        "body_text_named_params": [
            {"param_name": slot.name, "example": text} for slot, text in named
        ]
    }


def variables_in(text: str) -> list[str]:
    return VARIABLE.findall(text)
