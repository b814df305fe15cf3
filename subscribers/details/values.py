"""Which values a person's details may have: one set of rules for files, API and admin pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_email
from django.utils.translation import gettext as _

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
            _(
                "The cell contains a formula without a result. Open the workbook in Excel, save it"
                " and upload it again."
            )
        )
    if word[:1] == "#" and word in EXCEL_ERRORS:
        raise ValueError(
            _("The cell contains Excel's error %(word)s. Correct its formula or leave it blank.")
            % {"word": word}
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
        raise ValueError(
            _("“%(text)s” stands for an empty value. Leave the field empty.")
            % {"text": text.strip()}
        )
    return reader(key)(text)


def read_attributes(values: object) -> dict[str, str]:
    """Attributes as they are stored: text by name. Raises ValueError: a sentence."""
    if not isinstance(values, Mapping):
        raise ValueError(_('Enter texts by name, such as {"city": "Pune"}.'))
    if len(values) > MAX_ATTRIBUTES:
        raise ValueError(_("Use at most %(limit)s attributes.") % {"limit": MAX_ATTRIBUTES})
    read: dict[str, str] = {}
    for title, value in values.items():
        name = attribute_name(str(title))
        if not name or name in read:
            raise ValueError(
                _(
                    "“%(name)s” cannot be the name of an attribute. Use a unique "
                    "name with a letter, up to 64 characters, that is not a subscriber "
                    "field."
                )
                % {"name": clean_line(str(title))[:64]}
            )
        if not isinstance(value, str):
            raise ValueError(
                _("“%(name)s” is not a text. Put the value in quotation marks.") % {"name": name}
            )
        try:
            read[name] = read_value("", value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return {name: text for name, text in read.items() if text}


def _text(cell: str) -> str:
    text = clean_line(cell)
    if has_link(text):
        raise ValueError(_("Remove the link. Links cannot be imported."))
    if _LOST_LETTER in text:
        raise ValueError(
            _("It contains %(lost_letter)s where letters were lost. Type them again.")
            % {"lost_letter": _LOST_LETTER}
        )
    return text


def _attribute(cell: str) -> str:
    text = _text(cell)
    if len(text) > MAX_VALUE_LENGTH:
        raise ValueError(
            _(
                "The value is longer than %(limit)s characters, the most a "
                "message can take. Shorten it, or leave the column out."
            )
            % {"limit": MAX_VALUE_LENGTH}
        )
    return text


def _name(cell: str) -> str:
    name = _text(cell)
    if len(name) > MAX_NAME:
        raise ValueError(
            _("The name is longer than %(limit)s characters. Shorten it.") % {"limit": MAX_NAME}
        )
    return name


@lru_cache(CACHED_WORDS_LIMIT)
def _tier(cell: str) -> str:
    tier = clean_line(cell).upper()
    if tier not in _TIERS:
        raise ValueError(
            _("The tier must be one of %(tiers)s.") % {"tiers": ", ".join(Tier.values)}
        )
    return tier


@lru_cache(CACHED_WORDS_LIMIT)
def _language(cell: str) -> str:
    text = clean_line(cell).casefold()
    language, _separator, country = text.replace("-", "_").partition("_")
    code = _LANGUAGES.get(name_of(text)) or (
        f"{language}_{country.upper()}" if country else language
    )
    if not _LANGUAGE.match(code):
        raise ValueError(_("The language must be a code such as en, hi or en_IN."))
    return code


def _email(cell: str) -> str:
    email = clean_line(cell)
    try:
        validate_email(email)
        MaxLengthValidator(MAX_EMAIL)(email)
    except ValidationError:
        raise ValueError(_("This is not an email address. Correct it or leave it blank.")) from None
    return email


@lru_cache(CACHED_WORDS_LIMIT)
def _status(cell: str) -> str:
    status = _STATUSES.get(name_of(cell))
    if status is None:
        raise ValueError(_("The status must be one of active, paused, unsubscribed, invalid."))
    return status


_READERS: dict[str, Callable[[str], str]] = {
    "name": _name,
    "tier": _tier,
    "language": _language,
    "email": _email,
    "status": _status,
}
