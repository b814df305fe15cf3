"""Message templates as Meta stores them, and the validation of a send's parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.errors import require

BODY_LIMIT = 1024
CATEGORIES = ("UTILITY", "MARKETING", "AUTHENTICATION")
_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_FORBIDDEN = ("\n", "\t", " " * 5)
_TEXT_KINDS = {"text", "currency", "date_time"}


@dataclass(slots=True)
class MessageTemplate:
    """One name in one language; `parameters` are the body's placeholders in order."""

    id: str
    name: str
    language: str
    category: str
    body: str
    parameters: tuple[str, ...]
    status: str = "APPROVED"
    quality: str = "GREEN"
    header: str = ""  # TEXT, IMAGE, VIDEO, DOCUMENT, or empty: none
    header_parameters: int = 0
    url_buttons: tuple[int, ...] = ()  # indices of buttons whose URL ends in a variable
    other_components: list[dict[str, object]] = field(default_factory=list)
    correct_category: str = ""
    previous_category: str = ""
    ttl_s: int | None = None
    pauses: int = 0

    @property
    def named(self) -> bool:
        """Whether parameters have names instead of positions."""
        return not all(name.isdigit() for name in self.parameters)


def body_only(parameters: str) -> list[dict[str, object]]:
    """The components of a template with only a body, with a number of positional parameters or
    with names separated by commas."""
    names: Iterable[object] = parameters.split(",")
    if parameters.isdigit():
        names = range(1, int(parameters) + 1)
    slots = ", ".join(f"{{{{{name}}}}}" for name in names)
    text = f"Good morning. {slots} This is your daily message." if slots else "Good morning."
    return [{"type": "BODY", "text": text}]


def from_components(
    template_id: str, name: str, language: str, category: str, components: list[dict[str, object]]
) -> MessageTemplate:
    """A template from the components of Meta's creation call; raises Refusal 100."""
    template = MessageTemplate(template_id, name, language, category, "", ())
    for component in components:
        kind = str(component.get("type", "")).upper()
        text = str(component.get("text", ""))
        if kind == "BODY":
            template.body = text
            template.parameters = tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))
            continue
        template.other_components.append(component)
        if kind == "HEADER":
            template.header = str(component.get("format", "TEXT")).upper()
            template.header_parameters = (
                len(_PLACEHOLDER.findall(text)) if template.header == "TEXT" else 1
            )
        elif kind == "BUTTONS":
            template.url_buttons = _variable_urls(component.get("buttons"))
    require(template.body, 100, "A template needs a component of type BODY with a text.")
    return template


def _variable_urls(buttons: object) -> tuple[int, ...]:
    entries = buttons if isinstance(buttons, list) else []
    return tuple(
        place
        for place, button in enumerate(entries)
        if isinstance(button, dict) and "{{" in str(button.get("url", ""))
    )


def components_of(template: MessageTemplate) -> list[dict[str, object]]:
    """The components as the Graph API returns them."""
    body: dict[str, object] = {"type": "BODY", "text": template.body}
    if template.named:
        examples = [{"param_name": key, "example": "example"} for key in template.parameters]
        body["example"] = {"body_text_named_params": examples}
    elif template.parameters:
        body["example"] = {"body_text": [["example"] * len(template.parameters)]}
    return [body, *template.other_components]


def fit_parameters(template: MessageTemplate, components: object) -> list[str]:
    """The body's parameter texts of a send, if all components match the template.

    Raises Refusal: 132000 wrong count, 132012 wrong kind or name, 132018 forbidden characters,
    132005 too long, 131008 a button's parameter missing.
    """
    given = components if isinstance(components, list) else []
    by_type: dict[str, list[dict[str, object]]] = {}
    for component in given:
        is_object = isinstance(component, dict)
        require(is_object, 100, "Each of template.components must be an object.")
        by_type.setdefault(str(component.get("type", "")).lower(), []).append(component)
    _fit_header(template, by_type.get("header", []))
    texts = _fit_body(template, by_type.get("body", []))
    _fit_buttons(template, by_type.get("button", []))
    return texts


def _parameters(
    kind: str, components: list[dict[str, object]], wanted: int
) -> list[dict[str, object]]:
    """All parameters of the components of one kind; raises Refusal 132000 unless so many."""
    parameters: list[dict[str, object]] = []
    for component in components:
        entries = component.get("parameters", [])
        if isinstance(entries, list):
            parameters += [entry for entry in entries if isinstance(entry, dict)]
    got = len(parameters)
    require(got == wanted, 132000, f"{kind}: got {got} parameters, the template has {wanted}.")
    return parameters


def _fit_header(template: MessageTemplate, components: list[dict[str, object]]) -> None:
    for parameter in _parameters("header", components, template.header_parameters):
        kind, wanted = str(parameter.get("type", "")).upper(), template.header
        require(kind == wanted, 132012, f"header: got a {kind}, the template has a {wanted}.")


def _fit_body(template: MessageTemplate, components: list[dict[str, object]]) -> list[str]:
    wanted = template.parameters
    given = _parameters("body", components, len(wanted))
    texts = [_text(place, parameter) for place, parameter in enumerate(given, 1)]
    if template.named:
        names = [str(parameter.get("parameter_name", "")) for parameter in given]
        same = set(names) == set(wanted)
        require(same, 132012, "body: the parameter names are not those of the template.")
        texts = [texts[names.index(key)] for key in wanted]
    else:
        unnamed = not any("parameter_name" in parameter for parameter in given)
        require(unnamed, 132012, "body: the template's parameters have no names.")
    length = len(_PLACEHOLDER.sub("", template.body)) + sum(map(len, texts))
    require(length <= BODY_LIMIT, 132005, f"body: {length} characters, at most {BODY_LIMIT}.")
    return texts


def _text(place: int, parameter: dict[str, object]) -> str:
    kind = parameter.get("type")
    name = f"body: parameter {place}"
    require(kind in _TEXT_KINDS, 132012, f"{name} must be a text.")
    value = parameter.get(str(kind))
    if kind != "text":
        value = value.get("fallback_value") if isinstance(value, dict) else None
    text = value if isinstance(value, str) else ""
    require(text, 131008, f"{name} has no text.")
    clean = not any(part in text for part in _FORBIDDEN)
    require(clean, 132018, f"{name} has a line break, a tab or more than 4 spaces.")
    return text


def _fit_buttons(template: MessageTemplate, components: list[dict[str, object]]) -> None:
    urls = {
        str(component.get("index"))
        for component in components
        if component.get("sub_type") == "url" and component.get("parameters")
    }
    for place in template.url_buttons:
        given = str(place) in urls
        require(given, 131008, f"Button at index {place} of type Url requires a parameter.")
