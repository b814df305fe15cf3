"""The platform's state: app, portfolio, WABA, numbers, message templates, people, media."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from sandbox.clock import Clock
from sandbox.message_templates import CATEGORIES, MessageTemplate, body_only
from sandbox.outcomes import MessageOutcome
from sandbox.settings import Settings, build
from sandbox.throughput import DailyPeople, HourlyCalls, PairLimiter, SlidingWindow

_NOT_A_DIGIT = re.compile("[^0-9]+")
QUALITIES = ("GREEN", "YELLOW", "RED", "UNKNOWN")
WINDOW_S = 24 * 3600.0  # an inbound message opens a free-form conversation for a day


def digits_of(text: str) -> str:
    """The digits of a phone number in any notation."""
    return _NOT_A_DIGIT.sub("", text)


@dataclass(frozen=True, slots=True)
class Options:
    """The start options; `clear` resets to them."""

    profile: str = "fast"
    seed: int = 1
    overrides: dict[str, object] = field(default_factory=dict)
    access_token: str = ""
    app_secret: str = ""
    verify_token: str = ""
    waba_id: str = ""
    webhook_url: str = ""
    numbers: tuple[str, ...] = ()  # ID:DISPLAY:RATE[:QUALITY]
    templates: tuple[str, ...] = ()  # NAME:LANGUAGE:BODYPARAMS[:CATEGORY]
    journal: str = ""


@dataclass(slots=True)
class Account:
    """App, portfolio and WABA in one: the state shared by all numbers."""

    access_token: str
    app_secret: str
    verify_token: str
    waba_id: str
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
    uploaded_at: float


class World:
    """All state of the platform, created from the start options."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.clock = clock
        self.seed = options.seed
        self.settings: Settings = build(options.profile, options.overrides)
        self.random = random.Random(options.seed)
        self.account = Account(
            options.access_token, options.app_secret, options.verify_token, options.waba_id
        )
        self.numbers = {number.id: number for number in map(parse_number, options.numbers)}
        self.templates: dict[tuple[str, str], MessageTemplate] = {}
        for text in options.templates:
            template = parse_template(text, self.next_template_id())
            self.templates[template.name, template.language] = template
        self.people: dict[str, Person] = {}
        self.media: dict[str, Media] = {}
        self.media_ids = count(1_037_000_000_000_001)
        self.daily_people = DailyPeople()
        self.management_calls = HourlyCalls()
        self.outage_until = 0.0
        self.outage_page = False
        self.unknown_number_refusals: Counter[int] = Counter()

    def next_template_id(self) -> str:
        """Ids are consecutive, so that a test can predict them."""
        return str(900_000_000_000_001 + len(self.templates))

    def person(self, person: str) -> Person:
        """The person's record, created on first access."""
        return self.people.setdefault(person, Person())

    def templates_named(self, name: str) -> Iterator[MessageTemplate]:
        """The message template in all its languages."""
        return (entry for entry in self.templates.values() if entry.name == name)


def parse_number(text: str) -> Number:
    """A number from ID:DISPLAY:RATE[:QUALITY]; raises ValueError with a sentence."""
    parts = text.split(":")
    if len(parts) not in (3, 4) or not parts[0].isdigit() or not digits_of(parts[1]):
        raise ValueError(f"number {text!r} is not ID:DISPLAY:RATE[:QUALITY]")
    try:
        rate = float(parts[2])
    except ValueError:
        rate = 0
    if not 0 < rate < 1e6:
        raise ValueError(f"number {text!r} needs a rate of messages per second above 0")
    quality = parts[3].upper() if len(parts) == 4 else "GREEN"
    if quality not in QUALITIES:
        raise ValueError(f"number {text!r} needs a quality of {', '.join(QUALITIES)}")
    return Number(parts[0], parts[1], rate, quality)


def parse_template(text: str, template_id: str) -> MessageTemplate:
    """A template from NAME:LANGUAGE:BODYPARAMS[:CATEGORY]; raises ValueError with a sentence."""
    parts = text.split(":")
    if len(parts) not in (3, 4) or not all(parts):
        raise ValueError(f"template {text!r} is not NAME:LANGUAGE:BODYPARAMS[:CATEGORY]")
    category = parts[3].upper() if len(parts) == 4 else "UTILITY"
    if category not in CATEGORIES:
        raise ValueError(f"template {text!r} needs a category of {', '.join(CATEGORIES)}")
    return body_only(template_id, parts[0], parts[1], parts[2], category)
