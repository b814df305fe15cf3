"""Finding one person in free text: every spelling of the phone, user ids, message ids, email, name.

A text is changed where it names them; the rest of it, such as who did what, stays.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import phonenumbers

from masking.placeholders import PERSONAL
from subscribers.consent.erased_phones import opaque_id

MESSAGE_ID = re.compile(r"wamid\.[A-Za-z0-9+/=_-]+")
_BETWEEN = r"(?:[ \u00a0().\-]|%20){0,2}"  # of two digits, as people and addresses write them
_LETTER = r"[^\W_]"  # or a digit
_TAIL = 3  # digits at the end by which the database looks for candidates
MIN_NAME = 3  # characters: shorter ones are in every text


@dataclass(frozen=True)
class Person:
    """Whom to look for, and by what."""

    pk: int
    phone: str  # E.164
    phones: frozenset[str] = frozenset()  # every spelling
    user_ids: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()  # a name, an email
    shared: frozenset[str] = frozenset()  # of the names, those that others have, too

    @property
    def among_others(self) -> Person:
        """To look for them where others are named, too: by what is theirs alone."""
        return replace(self, names=tuple(name for name in self.names if name not in self.shared))

    @cached_property
    def needles(self) -> tuple[str, ...]:
        """What a text that names them contains, for a search by the database."""
        tails = {phone[-_TAIL:] for phone in self.phones}
        words = {max(name.split(), key=len) for name in self.names}
        written = {json.dumps(word)[1:-1] for word in words}
        return tuple(sorted({*tails, *self.user_ids, *words, *written}))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        numbers = [_number_pattern(phone) for phone in sorted(self.phones)]
        ids = [re.escape(user_id) for user_id in sorted(self.user_ids)]
        spelled = set(self.names) | {json.dumps(name)[1:-1] for name in self.names}
        names = [
            rf"(?<!{_LETTER}){_words(name)}(?!{_LETTER})"
            for name in sorted(spelled, key=len, reverse=True)
        ]
        return re.compile("|".join([*numbers, *ids, *names]), re.I)

    def scrub(self, text: str) -> str:
        """The text without them; the same object if it does not name them."""
        without = MESSAGE_ID.sub(lambda found: self._message_id(found[0]), text)
        return self._pattern.sub(PERSONAL, without)

    def scrub_json(self, value: Any) -> Any:
        """The same of every text in a JSON value, names of members included."""
        if isinstance(value, dict):
            return {self.scrub(name): self.scrub_json(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.scrub_json(inner) for inner in value]
        return self.scrub(value) if isinstance(value, str) else value

    def is_named_in(self, text: str) -> bool:
        return self.scrub(text) != text

    def _message_id(self, message_id: str) -> str:
        digits = digits_in(message_id)
        theirs = any(phone[1:] in digits for phone in self.phones)
        return opaque_id(message_id) if theirs else message_id


def digits_in(message_id: str) -> str:
    """What Meta's message id contains as text: the number is in it, in Base64."""
    raw = message_id.removeprefix("wamid.").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(raw + "=" * (-len(raw) % 4)).decode("latin-1")
    except (ValueError, binascii.Error):
        return ""


def scrub_json_text(person: Person, text: str) -> str:
    """A text that holds JSON, or any other text, without the person."""
    try:
        value = json.loads(text)
    except ValueError:
        return person.scrub(text)
    without = person.scrub_json(value)
    return text if without == value else json.dumps(without)


def _words(name: str) -> str:
    """A name with what people and names of files put between its words."""
    return r"(?:[\s_.+\-]|%20)+".join(re.escape(word) for word in name.split())


def _number_pattern(phone: str) -> str:
    """The number in any usual spelling: international, with 00, with a leading 0, or national."""
    country = _country_code(phone)
    national = _BETWEEN.join(phone[1 + len(country) :])
    prefix = _BETWEEN.join(country)
    return rf"(?<![\d])(?:(?:\+|00)?{prefix}{_BETWEEN}|0{_BETWEEN})?{national}(?!\d)"


def _country_code(phone: str) -> str:
    try:
        return str(phonenumbers.parse(phone).country_code)
    except phonenumbers.NumberParseException:
        return ""
