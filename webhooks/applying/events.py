"""What a webhook can report, as values: one class per kind, optional only what may be missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from distribution.outcomes.report_rules import StatusReport
from phonepool.numbers.limits import Limit


class Event:
    """Anything that a webhook can report."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NumberEvent(Event):
    """What came through a number of the pool; `number` is Meta's id of it."""

    number: str


@dataclass(frozen=True, slots=True)
class Status(NumberEvent):
    """What happened to a message that was sent here."""

    report: StatusReport


@dataclass(frozen=True, slots=True)
class Inbound(NumberEvent):
    """A person wrote to a number of the pool, edited that, or pressed a button in a message."""

    phone: str  # E.164; '' if WhatsApp tells the user id only
    message_id: str
    at: datetime
    said: str = ""  # typed text
    chosen: tuple[str, ...] = ()  # a button's payload and its label
    user_id: str = ""
    message_type: str = ""  # text, button, image, … in Meta's words


@dataclass(frozen=True, slots=True)
class PreferenceChanged(NumberEvent):
    """A person used WhatsApp's own switch for marketing messages."""

    phone: str  # E.164; '' if WhatsApp tells the user id only
    wants: bool
    at: datetime
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class PersonMoved(NumberEvent):
    """A person has another number or user id; `phone` and `user_id` are the ones before."""

    phone: str  # E.164; '' if WhatsApp tells the user id only
    at: datetime
    user_id: str = ""
    new_user_id: str = ""


@dataclass(frozen=True, slots=True)
class Trouble(NumberEvent):
    """An error that is not about one message."""

    code: int
    at: datetime
    details: str = ""  # Meta's text, masked
    account: str = ""  # Meta's id of the WABA: an error may be of no number


@dataclass(frozen=True, slots=True)
class TemplateName:
    """How webhooks name a message template."""

    meta_id: str
    name: str
    language: str  # underscore form, `en_US`


@dataclass(frozen=True, slots=True)
class AccountEvent(Event):
    """A notice about the account (WABA) with this id of Meta's, or about what belongs to it."""

    account: str  # '' if Meta names none
    at: datetime


@dataclass(frozen=True, slots=True)
class TemplateStatusChanged(AccountEvent):
    template: TemplateName
    event: str  # upper case: APPROVED, PAUSED, …
    reason: str
    category: str = ""  # in which Meta has it then; '' if not told


@dataclass(frozen=True, slots=True)
class TemplateQualityChanged(AccountEvent):
    template: TemplateName
    quality: str  # GREEN, YELLOW, RED, UNKNOWN


@dataclass(frozen=True, slots=True)
class TemplateCategoryChanged(AccountEvent):
    template: TemplateName
    category: str  # UTILITY, MARKETING, AUTHENTICATION
    announced: bool  # True: it will apply soon; False: it applies now


@dataclass(frozen=True, slots=True)
class TemplateEdited(AccountEvent):
    """Its components are others now; the notice does not say which."""

    template: TemplateName


@dataclass(frozen=True, slots=True)
class NumberQualityChanged(AccountEvent):
    """Meta names the number by its digits here, not by its id."""

    digits: str
    event: str  # upper case: FLAGGED, UNFLAGGED, DOWNGRADE, …


@dataclass(frozen=True, slots=True)
class NumberNotice(AccountEvent):
    """Its name was reviewed, or its PIN was changed: for the number's history."""

    digits: str
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class LimitChanged(AccountEvent):
    """How many people the portfolio may write to in a rolling 24 h."""

    limit: Limit


@dataclass(frozen=True, slots=True)
class AccountNotice(AccountEvent):
    """Something happened to the account: restricted, banned, deleted, …"""

    event: str  # upper case
    words: tuple[str, ...]  # what qualifies it, in upper case
    expires_at: datetime | None  # when a restriction ends by itself


@dataclass(slots=True)
class ParsedWebhook:
    """One webhook: its events, and by name what was left out."""

    events: list[Event] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
