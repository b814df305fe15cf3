"""Which values a person's details may have: one set of rules for files, API and admin pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_email

from subscribers.details.placeholders import MAX_VALUE_LENGTH, name_of
from subscribers.details.titles import attribute_name, meanings, words
from subscribers.links import has_link
from subscribers.models import LANGUAGE_PATTERN, Subscriber, Tier
from subscribers.text_cleaning import clean_line

MAX_NAME = Subscriber._meta.get_field("name").max_length or 0
MAX_EMAIL = Subscriber._meta.get_field("email").max_length or 0
MAX_ATTRIBUTES = 45  # about what an imported file may have beside the known columns
DETAILS = ("name", "tier", "language", "email")
# The columns of somebody whose details were deleted.
NO_DETAILS: dict[str, Any] = {"name": "", "email": "", "attributes": {}, "language": "en"}
# Tiers, languages and statuses are few words repeated in many rows; anything else is refused, and
# refusals are not cached.
CACHED_WORDS_LIMIT = 512
# What Excel shows in place of a value it cannot compute, and what export programs write for none.
# What a formula without a stored value is read as: a program wrote it, Excel never computed it.
NOT_COMPUTED = "#NOT_COMPUTED!"
EXCEL_ERRORS, NOTHING_WORDS = words("excel_errors"), words("no_value")

_STATUSES = meanings("statuses")
_LANGUAGES = meanings("languages")
_TIERS = frozenset(Tier.values)
_LANGUAGE = re.compile(LANGUAGE_PATTERN)
_LOST_LETTER = "\ufffd"  # what programs write for letters that they could not read


def says_nothing(text: str) -> bool:
    """Whether it is blank, or a word that programs write for no value."""
    return not text or text.isspace() or text.strip() in NOTHING_WORDS


def check_computed(text: str) -> None:
    """Raise ValueError for what Excel shows in place of a value."""
    word = text.strip().upper()
    if word == NOT_COMPUTED:
        raise ValueError(
            "The cell contains a formula without a result. Open the workbook in Excel, save it"
            " and upload it again."
        )
    if word[:1] == "#" and word in EXCEL_ERRORS:
        raise ValueError(
            f"The cell contains Excel's error {word}. Correct its formula or leave it blank."
        )


def reader(key: str) -> Callable[[str], str]:
    """What reads a cell of this field, or of an attribute: it returns the value, or raises
    ValueError, a sentence that says what to do."""
    return _READERS.get(key, _attribute)


def read_value(key: str, text: str) -> str:
    """The same for a value that a person or a program states by itself: a word for no value is
    refused, where a file leaves it out."""
    check_computed(text)
    if text.strip() in NOTHING_WORDS:
        raise ValueError(f"“{text.strip()}” stands for an empty value. Leave the field empty.")
    return reader(key)(text)


def read_attributes(values: object) -> dict[str, str]:
    """Attributes as they are stored: text by name. Raises ValueError: a sentence."""
    if not isinstance(values, Mapping):
        raise ValueError('Enter texts by name, such as {"city": "Pune"}.')
    if len(values) > MAX_ATTRIBUTES:
        raise ValueError(f"Use at most {MAX_ATTRIBUTES} attributes.")
    read: dict[str, str] = {}
    for title, value in values.items():
        name = attribute_name(str(title))
        if not name or name in read:
            raise ValueError(
                f"“{clean_line(str(title))[:64]}” cannot be the name of an attribute. Use a unique"
                " name with a letter, up to 64 characters, that is not a subscriber field."
            )
        if not isinstance(value, str):
            raise ValueError(f"“{name}” is not a text. Put the value in quotation marks.")
        try:
            read[name] = read_value("", value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return {name: text for name, text in read.items() if text}


def _text(cell: str) -> str:
    text = clean_line(cell)
    if has_link(text):
        raise ValueError("Remove the link. Links cannot be imported.")
    if _LOST_LETTER in text:
        raise ValueError(f"It contains {_LOST_LETTER} where letters were lost. Type them again.")
    return text


def _attribute(cell: str) -> str:
    text = _text(cell)
    if len(text) > MAX_VALUE_LENGTH:
        raise ValueError(
            f"The value is longer than {MAX_VALUE_LENGTH} characters, the most a message can take."
            " Shorten it, or leave the column out."
        )
    return text


def _name(cell: str) -> str:
    name = _text(cell)
    if len(name) > MAX_NAME:
        raise ValueError(f"The name is longer than {MAX_NAME} characters. Shorten it.")
    return name


@lru_cache(CACHED_WORDS_LIMIT)
def _tier(cell: str) -> str:
    tier = clean_line(cell).upper()
    if tier not in _TIERS:
        raise ValueError(f"The tier must be one of {', '.join(Tier.values)}.")
    return tier


@lru_cache(CACHED_WORDS_LIMIT)
def _language(cell: str) -> str:
    text = clean_line(cell).casefold()
    language, _, country = text.replace("-", "_").partition("_")
    code = _LANGUAGES.get(name_of(text)) or (
        f"{language}_{country.upper()}" if country else language
    )
    if not _LANGUAGE.match(code):
        raise ValueError("The language must be a code such as en, hi or en_IN.")
    return code


def _email(cell: str) -> str:
    email = clean_line(cell)
    try:
        validate_email(email)
        MaxLengthValidator(MAX_EMAIL)(email)
    except ValidationError:
        raise ValueError("This is not an email address. Correct it or leave it blank.") from None
    return email


@lru_cache(CACHED_WORDS_LIMIT)
def _status(cell: str) -> str:
    status = _STATUSES.get(name_of(cell))
    if status is None:
        raise ValueError("The status must be one of active, paused, unsubscribed, invalid.")
    return status


_READERS: dict[str, Callable[[str], str]] = {
    "name": _name,
    "tier": _tier,
    "language": _language,
    "email": _email,
    "status": _status,
}
