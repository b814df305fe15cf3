"""What a webhook can report, as values: one class per kind, optional only what may be missing.
`number` is Meta's id of the pool's phone number that it came through."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from distribution.outcomes.report_rules import StatusReport


@dataclass(frozen=True, slots=True)
class Status:
    """What happened to a message that was sent here."""

    number: str
    report: StatusReport


@dataclass(frozen=True, slots=True)
class Inbound:
    """A person wrote to a number of the pool, or pressed a button in a message."""

    number: str
    phone: str  # E.164
    message_id: str
    at: datetime
    said: str = ""  # typed text
    chosen: tuple[str, ...] = ()  # a button's payload and its label


@dataclass(frozen=True, slots=True)
class PreferenceChanged:
    """A person used WhatsApp's own switch for marketing messages."""

    number: str
    phone: str  # E.164
    wants: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class PersonMoved:
    """A person changed numbers; `phone` is the old one."""

    number: str
    phone: str  # E.164
    at: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error that is not about one message."""

    number: str
    code: int
    at: datetime


@dataclass(frozen=True, slots=True)
class TemplateName:
    """How webhooks name a message template."""

    meta_id: str
    name: str
    language: str  # underscore form, `en_US`


@dataclass(frozen=True, slots=True)
class TemplateStatusChanged:
    template: TemplateName
    event: str  # upper case: APPROVED, PAUSED, …
    at: datetime


@dataclass(frozen=True, slots=True)
class TemplateQualityChanged:
    template: TemplateName
    quality: str  # GREEN, YELLOW, RED, UNKNOWN


@dataclass(frozen=True, slots=True)
class TemplateCategoryChanged:
    template: TemplateName
    category: str  # UTILITY, MARKETING, AUTHENTICATION
    announced: bool  # True: it will apply soon; False: it applies now


@dataclass(frozen=True, slots=True)
class NumberQualityChanged:
    """Meta names the number by its digits here, not by its id."""

    digits: str
    event: str  # upper case: FLAGGED, UNFLAGGED, DOWNGRADE, …
    at: datetime


@dataclass(frozen=True, slots=True)
class LimitChanged:
    """How many people the portfolio may write to in a rolling 24 h; None: any number."""

    limit: int | None


@dataclass(frozen=True, slots=True)
class AccountNotice:
    """Something happened to the account: restricted, banned, deleted, …"""

    event: str  # upper case
    detail: str


Event: TypeAlias = (
    Status
    | Inbound
    | PreferenceChanged
    | PersonMoved
    | Trouble
    | TemplateStatusChanged
    | TemplateQualityChanged
    | TemplateCategoryChanged
    | NumberQualityChanged
    | LimitChanged
    | AccountNotice
)


@dataclass(slots=True)
class ParsedWebhook:
    """One webhook: its events, and by name what was left out."""

    events: list[Event] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
