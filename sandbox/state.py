"""The platform's state: app, portfolio, WABA, numbers, message templates, people, media."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sandbox.clock import Clock
from sandbox.message_templates import CATEGORIES, MessageTemplate, body_only, from_components
from sandbox.outcomes import MessageOutcome
from sandbox.settings import Settings, build
from sandbox.throughput import HOUR_SECONDS, DailyPeople, PairLimiter, SlidingWindow

_NOT_A_DIGIT = re.compile("[^0-9]+")
QUALITIES = ("GREEN", "YELLOW", "RED", "UNKNOWN")
WINDOW_S = 24 * 3600.0  # an inbound message opens a free-form conversation for a day


def digits_of(text: str) -> str:
    """The digits of a phone number in any notation."""
    return _NOT_A_DIGIT.sub("", text)


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
    numbers: Sequence[str] = ("100000000000001:+919800000001:80",)
    templates: Sequence[str] = ("daily_update:en:2:UTILITY",)


@dataclass(slots=True)
class Account:
    """App, portfolio and WABA in one: the state shared by all numbers."""

    access_token: str
    app_secret: str
    verify_token: str
    waba_id: str
    webhook_url: str  # empty: webhooks go nowhere
    portfolio_id: str = "500000000000001"
    token_ok: bool = True
    locked: bool = False
    restricted: bool = False
    disabled: bool = False
    payment_ok: bool = True
    holding: bool = False  # template pacing: sends are held for quality assessment
    currency: str = "INR"
    timezone_id: str = "71"


@dataclass(slots=True)
class Number:
    """One business phone number and its counters."""

    id: str
    display: str
    rate: float
    quality: str = "GREEN"
    status: str = "CONNECTED"
    verified_name: str = "Daybreak"
    level: str = "STANDARD"
    refusal_code: int = 0  # answer this instead of the table's code while not CONNECTED
    upgrading_until: float = 0.0
    window: SlidingWindow = field(default_factory=SlidingWindow)
    pairs: PairLimiter = field(default_factory=PairLimiter)
    requests: int = 0
    accepted: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    faulted: Counter[str] = field(default_factory=Counter)

    digits: str = ""  # the display number without signs, as webhooks show it

    def __post_init__(self) -> None:
        self.digits = digits_of(self.display)


@dataclass(slots=True)
class Person:
    """A recipient with a state of its own, set by a test or an inbound message."""

    forced: MessageOutcome | None = None
    failure_code: int = 0
    stopped_marketing: bool = False
    writes_until: float = 0.0  # end of the open conversation
    name: str = ""


@dataclass(slots=True)
class Media:
    """An uploaded file."""

    id: str
    number_id: str
    mime_type: str
    content: bytes


class World:
    """All state of the platform, created from the start options."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.clock = clock
        self.seed = options.seed
        self.settings: Settings = build(options.profile, options.overrides)
        self.random = random.Random(options.seed)
        self.account = Account(
            options.access_token,
            options.app_secret,
            options.verify_token,
            options.waba_id,
            options.webhook_url,
        )
        self.numbers = {number.id: number for number in map(parse_number, options.numbers)}
        self.templates: dict[tuple[str, str], MessageTemplate] = {}
        for text in options.templates:
            self.add_template(*parse_template(text))
        self.people: dict[str, Person] = {}
        self.media: dict[str, Media] = {}
        self.media_ids = count(1_037_000_000_000_001)
        self.daily_people = DailyPeople()
        self.management_calls = SlidingWindow(HOUR_SECONDS)
        self.outage_until = 0.0
        self.outage_page = False
        self.unknown_number_refusals: Counter[int] = Counter()

    def add_template(
        self, name: str, language: str, category: str, components: list[Any]
    ) -> MessageTemplate:
        """Ids are consecutive, so that a test can predict them. Raises Refusal."""
        template_id = str(900_000_000_000_001 + len(self.templates))
        template = from_components(template_id, name, language, category, components)
        self.templates[name, language] = template
        return template

    def person(self, person: str) -> Person:
        """The person's record, created on first access."""
        return self.people.setdefault(person, Person())


def parse_number(text: str) -> Number:
    """A number from ID:DISPLAY:RATE[:QUALITY]; raises ValueError with a sentence."""
    name, display, rate, quality = _split(text, "number", "ID:DISPLAY:RATE", "quality", QUALITIES)
    if not name.isdigit() or not digits_of(display):
        raise ValueError(f"number {text!r} needs digits as its id and its display number")
    if not re.fullmatch(r"\d+(\.\d+)?", rate) or not 0 < float(rate) < 1e6:
        raise ValueError(f"number {text!r} needs a rate of messages per second above 0")
    return Number(name, display, float(rate), quality)


def parse_template(text: str) -> tuple[str, str, str, list[dict[str, object]]]:
    """Name, language, category and components from NAME:LANGUAGE:BODYPARAMS[:CATEGORY]; raises
    ValueError with a sentence."""
    form = "NAME:LANGUAGE:BODYPARAMS"
    name, language, parameters, category = _split(text, "template", form, "category", CATEGORIES)
    return name, language, category, body_only(parameters)


def _split(text: str, noun: str, form: str, last: str, choices: tuple[str, ...]) -> list[str]:
    """The four parts of an option. The last is one of `choices`; the first of them if missing."""
    parts = text.split(":")
    if len(parts) not in (3, 4) or not all(parts):
        raise ValueError(f"{noun} {text!r} is not {form}[:{last.upper()}]")
    choice = parts[3].upper() if len(parts) == 4 else choices[0]
    if choice not in choices:
        raise ValueError(f"{noun} {text!r} needs a {last} of {', '.join(choices)}")
    return [*parts[:3], choice]
