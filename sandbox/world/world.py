"""All state of the platform, created from the start options."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

from sandbox.behaviour.outcomes import random_pair
from sandbox.behaviour.settings import Settings, build
from sandbox.templates.message_template import MessageTemplate
from sandbox.world.accounts import App, Number, Portfolio, Waba
from sandbox.world.bill import Bill
from sandbox.world.clock import Clock
from sandbox.world.files import Media
from sandbox.world.options import Options, parse_number, parse_template, parse_waba
from sandbox.world.people import Person, user_id
from sandbox.world.reactions import Reactions

FIRST_PORTFOLIO = "500000000000001"


class World:
    """App, portfolios, accounts, numbers, message templates, people and files."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.clock = clock
        self.seed = options.seed
        self.settings: Settings = build(options.profile, options.overrides)
        self.random = random.Random(options.seed)
        self.app = App(
            options.access_token, options.app_secret, options.verify_token, options.webhook_url
        )
        self.portfolios: dict[str, Portfolio] = {}
        self.wabas: dict[str, Waba] = {}
        self.numbers: dict[str, Number] = {}
        self.people: dict[str, Person] = {}  # by WhatsApp's spelling of the number, or by user id
        self.media: dict[str, Media] = {}
        self.bill = Bill()
        self.reactions = Reactions()
        self.media_ids = count(1_037_000_000_000_001)
        self._template_ids = count(900_000_000_000_001)
        self.stale_cursors = 0  # so many calls with a cursor are refused
        self.outage_until = 0.0
        self.outage_page = False
        self.unknown_number_refusals: Counter[int] = Counter()
        for text in (options.waba_id, *options.wabas):
            self.add_waba(text)
        for text in options.numbers:
            self.add_number(text)
        for text in options.templates:
            self.add_template(text)

    @property
    def first_waba(self) -> Waba:
        """The account that a test means if it names none."""
        return next(iter(self.wabas.values()))

    def add_waba(self, text: str) -> Waba:
        """An account from ID[:PORTFOLIO]; raises ValueError."""
        name, portfolio_id = parse_waba(text)
        portfolio_id = portfolio_id or FIRST_PORTFOLIO
        portfolio = self.portfolios.setdefault(portfolio_id, Portfolio(portfolio_id))
        # A webhook URL from the command line stands for an app that is set up.
        waba = Waba(name, portfolio, subscribed=bool(self.app.webhook_url))
        return self.wabas.setdefault(name, waba)

    def add_number(self, text: str) -> Number:
        """A number from ID:DISPLAY:RATE[:QUALITY][@WABA]; raises ValueError."""
        name, display, rate, quality, waba = parse_number(text)
        number = Number(name, display, rate, self._waba(waba), quality)
        self.numbers[name] = number
        return number

    def add_template(self, text: str) -> MessageTemplate:
        """A message template from NAME:LANGUAGE:BODYPARAMS[:CATEGORY][@WABA]; raises ValueError."""
        name, language, category, components, waba = parse_template(text)
        return self.create_template(self._waba(waba), name, language, category, components)

    def create_template(
        self, waba: Waba, name: str, language: str, category: str, components: list[Any]
    ) -> MessageTemplate:
        """Ids are consecutive, so that a test can predict them. Raises Refusal."""
        template_id = str(next(self._template_ids))
        template = MessageTemplate(template_id, name, language, category, components)
        waba.templates[name, language] = template
        return template

    def templates(self) -> Iterator[tuple[Waba, MessageTemplate]]:
        """Every message template with its account."""
        for waba in self.wabas.values():
            for template in waba.templates.values():
                yield waba, template

    def person(self, person: str) -> Person:
        """The person's record, created on first access."""
        return self.people.setdefault(person, Person())

    def user_id(self, person: str, portfolio: Portfolio) -> str:
        """The person's id as this portfolio sees it."""
        scope = "" if portfolio.id == FIRST_PORTFOLIO else portfolio.id
        known = self.people.get(person)
        if known is not None and known.new_user_ids:
            scope = f"{scope}#{known.new_user_ids}"
        return user_id(person, scope)

    def has_username(self, person: str) -> bool:
        """Whether the person took a username."""
        known = self.people.get(person)
        if known is not None and known.username is not None:
            return known.username
        share = self.settings.username_share
        return share > 0 and random_pair(self.seed + 1, person)[0] < share

    def hides_phone(self, person: str) -> bool:
        """Whether what the person writes carries the user id only."""
        known = self.people.get(person)
        if known is not None and known.hides_phone is not None:
            return known.hides_phone
        share = self.settings.hidden_phone_share
        if not share or not self.has_username(person):
            return False
        return random_pair(self.seed + 1, person)[1] < share

    def messaging_limit(self, portfolio: Portfolio) -> int:
        """Different people in 24 h; 0: no limit."""
        return self.settings.portfolio_limit if portfolio.limit is None else portfolio.limit

    def _waba(self, name: str) -> Waba:
        if name and name not in self.wabas:
            raise ValueError(f"there is no account {name}; known are {', '.join(self.wabas)}")
        return self.wabas[name] if name else self.first_waba
