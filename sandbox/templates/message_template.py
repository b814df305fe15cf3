"""Message templates as Meta stores them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.templates.shape import Shape, shape_of

CATEGORIES = ("UTILITY", "MARKETING", "AUTHENTICATION")


@dataclass(slots=True)
class MessageTemplate:
    """One name in one language."""

    id: str
    name: str
    language: str
    category: str
    components: list[dict[str, Any]]  # as in Meta's creation call
    status: str = "APPROVED"
    quality: str = "GREEN"
    rejected_reason: str = "NONE"
    source: str = ""  # AUTO_GENERATED: made by Direct Send
    correct_category: str = ""
    previous_category: str = ""
    ttl_s: int | None = None
    pauses: int = 0
    paced: bool = False  # just unpaused: paced again until it is GREEN by assessment
    paced_sends: int = 0  # since pacing began
    sent: int = 0
    block_share: float | None = None  # of the people it reaches; None: by the settings and words
    block_reason: str = ""  # the one that people give; empty: by the words
    shape: Shape = field(init=False)

    def __post_init__(self) -> None:
        self.edit(self.components)

    def edit(self, components: list[dict[str, Any]]) -> None:
        """Replaces the content; raises Refusal 100."""
        self.shape = shape_of(components)
        self.components = components

    @property
    def text(self) -> str:
        """The body with its placeholders."""
        return str(next(filter(_is_body, self.components)).get("text", ""))

    @property
    def named(self) -> bool:
        """Whether parameters have names instead of positions."""
        return self.shape.body.named or self.shape.header.named

    @property
    def is_paced(self) -> bool:
        """Whether Meta still watches its first sends: new, not GREEN, or just unpaused."""
        return self.paced or self.quality != "GREEN"


def body_only(parameters: str) -> list[dict[str, Any]]:
    """The components of a template with only a body, with a number of positional parameters or
    with names separated by commas."""
    names: Iterable[object] = parameters.split(",")
    if parameters.isdigit():
        names = range(1, int(parameters) + 1)
    slots = ", ".join(f"{{{{{name}}}}}" for name in names)
    text = f"Good morning. {slots} This is your daily message." if slots else "Good morning."
    return [{"type": "BODY", "text": text}]


def shown_components(template: MessageTemplate) -> list[dict[str, Any]]:
    """The components as the Graph API returns them: the body first, with an example for each
    variable."""
    ordered = sorted(template.components, key=lambda component: not _is_body(component))
    return [_with_example(template, component) for component in ordered]


def _is_body(component: dict[str, Any]) -> bool:
    return str(component.get("type", "")).upper() == "BODY"


def _with_example(template: MessageTemplate, component: dict[str, Any]) -> dict[str, Any]:
    body = template.shape.body
    if not _is_body(component) or "example" in component or not body.names:
        return component
    example: dict[str, Any] = {"body_text": [["example"] * len(body.names)]}
    if body.named:
        named = [{"param_name": name, "example": "example"} for name in body.names]
        example = {"body_text_named_params": named}
    return {**component, "example": example}
