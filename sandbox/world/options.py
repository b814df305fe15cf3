"""The start options, and the short texts in them that name accounts, numbers and templates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sandbox.templates.message_template import CATEGORIES, body_only
from sandbox.world.people import digits_of

QUALITIES = ("GREEN", "YELLOW", "RED", "UNKNOWN")


@dataclass(frozen=True, slots=True)
class Options:
    """The start options; `clear` resets to them."""

    profile: str
    seed: int
    overrides: dict[str, object]
    access_token: str
    app_secret: str
    verify_token: str
    waba_id: str
    webhook_url: str
    journal: str
    wabas: Sequence[str] = ()  # beside the first
    numbers: Sequence[str] = ("100000000000001:+919800000001:80",)
    templates: Sequence[str] = ("daily_update:en:2:UTILITY",)
    replay: str = ""  # file of a run record
    replay_within: float = 0.0  # seconds


class NumberText(NamedTuple):
    """A parsed ID:DISPLAY:RATE[:QUALITY][@WABA]; an empty `waba` is the first one."""

    id: str
    display: str
    rate: float
    quality: str
    waba: str


class TemplateText(NamedTuple):
    """A parsed NAME:LANGUAGE:BODYPARAMS[:CATEGORY][@WABA]."""

    name: str
    language: str
    category: str
    components: list[dict[str, Any]]
    waba: str


def parse_number(text: str) -> NumberText:
    """Raises ValueError with a sentence."""
    text, _, waba = text.partition("@")
    name, display, rate, quality = _split(text, "number", "ID:DISPLAY:RATE", "quality", QUALITIES)
    if not name.isdigit() or not digits_of(display):
        raise ValueError(f"number {text!r} needs digits as its id and its display number")
    if not re.fullmatch(r"\d+(\.\d+)?", rate) or not 0 < float(rate) < 1e6:
        raise ValueError(f"number {text!r} needs a rate of messages per second above 0")
    return NumberText(name, display, float(rate), quality, waba)


def parse_template(text: str) -> TemplateText:
    """Raises ValueError with a sentence."""
    text, _, waba = text.partition("@")
    form = "NAME:LANGUAGE:BODYPARAMS"
    name, language, parameters, category = _split(text, "template", form, "category", CATEGORIES)
    return TemplateText(name, language, category, body_only(parameters), waba)


def parse_waba(text: str) -> tuple[str, str]:
    """The ids of an account and its portfolio from ID[:PORTFOLIO]; an empty portfolio is the first
    one. Raises ValueError with a sentence."""
    name, _, portfolio = text.partition(":")
    if not name.isdigit() or not (portfolio or "0").isdigit():
        raise ValueError(f"account {text!r} is not ID[:PORTFOLIO], both in digits")
    return name, portfolio


def _split(text: str, noun: str, form: str, last: str, choices: tuple[str, ...]) -> list[str]:
    """The four parts of an option. The last is one of `choices`; the first of them if missing."""
    parts = text.split(":")
    if len(parts) not in (3, 4) or not all(parts):
        raise ValueError(f"{noun} {text!r} is not {form}[:{last.upper()}]")
    choice = parts[3].upper() if len(parts) == 4 else choices[0]
    if choice not in choices:
        raise ValueError(f"{noun} {text!r} needs a {last} of {', '.join(choices)}")
    return [*parts[:3], choice]
