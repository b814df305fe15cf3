"""Phone numbers: any common spelling in, E.164 out.

No message of this module holds the number itself, so it may be shown and logged.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import phonenumbers
from django.utils.translation import gettext as _
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneNumberFormat,
    ValidationResult,
)

# No country code begins with 0: begins what stands in the place of a phone that was deleted.
BLANK_PREFIX = "+0"
BLANK_DIGITS = 14  # after it: the subscriber's id
MAX_WRITTEN_LENGTH = 64  # characters; the longest sane spelling is about half of it
COUNTRY_CODE_ADVICE = "Use + and the country code, for example +91 98123 45678"

_AS_TEXT = "Format the column as text and export the file again"
_SCIENTIFIC = re.compile(r"\+?\d+(?:[.,]\d+)?[eE][+-]?\d+")
_DECIMAL = re.compile(r"(\+?\d{10,})[.,]0{0,2}")
_FORMULA = re.compile(r'="(.*)"')  # how some programs keep Excel from shortening a number
_SPELLING = re.compile(r"\+?[\d ()./\-]*")
# Nearly every cell of a list here: with or without the country code, in one or two groups.
_PLAIN_INDIAN = re.compile(r"(?:\+?91|0)?[ -]?([6-9][0-9]{4})[ -]?([0-9]{5})")
_WA_ID = re.compile(r"[1-9]\d{6,14}")
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")
_LENGTHS = {
    ValidationResult.TOO_SHORT: "has too few digits",
    ValidationResult.TOO_LONG: "has too many digits",
}


class InvalidPhone(ValueError):  # noqa: N818  # reads as what it is: "except InvalidPhone"
    """Not a phone number; the message is a sentence that says what to do."""


def normalise(raw: str) -> str:
    """The E.164 form of a number as people and spreadsheets write it, such as +919812345678.

    A number without a country code is an Indian one. Raises InvalidPhone.
    """
    if plain := _PLAIN_INDIAN.fullmatch(raw):
        national = plain[1] + plain[2]
        if _indian_mobiles().fullmatch(national):
            return f"+91{national}"
    number = _parse(_spelling(raw))
    if not phonenumbers.is_valid_number(number):
        raise InvalidPhone(_fault(number))
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def unchecked(raw: str) -> str:
    """The E.164 form of what reads like a number, whether it exists or not; '' of anything else."""
    try:
        return phonenumbers.format_number(_parse(_spelling(raw)), PhoneNumberFormat.E164)
    except InvalidPhone:
        return ""


def is_valid(phone: str) -> bool:
    """Whether an E.164 number can exist in its country's numbering plan."""
    return phonenumbers.is_valid_number(_parse(phone))


def country_prefix(start: str) -> str:
    """The plus and the country code with which an E.164 number begins; `start` if none does."""
    for length in (2, 3, 4):
        if start[1:length].isdigit() and int(start[1:length]) in COUNTRY_CODE_TO_REGION_CODE:
            return start[:length]
    return start


def blank(subscriber_id: int) -> str:
    """What stands in the place of the phone of a person whose details were deleted; unique."""
    return f"{BLANK_PREFIX}{subscriber_id:0{BLANK_DIGITS}d}"


def is_blank(phone: str) -> bool:
    """Whether it stands in the place of a deleted phone."""
    return phone.startswith(BLANK_PREFIX)


def from_wa_id(wa_id: str) -> str:
    """The E.164 form of WhatsApp's own spelling: all digits, country code first, no plus.

    Trusts WhatsApp about the rest. Raises InvalidPhone when it is no such spelling.
    """
    digits = wa_id.strip().removeprefix("+")
    if not (digits.isascii() and _WA_ID.fullmatch(digits)):
        raise InvalidPhone(_("This is not a WhatsApp id. It must be 7 to 15 digits."))
    return f"+{digits}"


@cache
def _indian_mobiles() -> re.Pattern[str]:
    """The library's own pattern: matching it directly takes a fortieth of the time."""
    india = phonenumbers.PhoneMetadata.metadata_for_region("IN")
    rule = india and india.mobile and india.mobile.national_number_pattern
    return re.compile(rule or "(?!)")


def _spelling(raw: str) -> str:
    """Plain ASCII digits and separators, or InvalidPhone for what is no single number."""
    if len(raw) > MAX_WRITTEN_LENGTH:
        raise InvalidPhone(_("The phone cell is too long. Enter one number."))
    text = _plain(raw)
    if not text:
        raise InvalidPhone(_("The phone number is missing."))
    if _SCIENTIFIC.fullmatch(text):
        raise InvalidPhone(
            _("Excel has shortened this number and lost its last digits. %(advice)s.")
            % {"advice": _AS_TEXT}
        )
    if decimal := _DECIMAL.fullmatch(text):
        text = decimal[1]
    if any(separator in text.strip("/") for separator in ",;/|"):
        raise InvalidPhone(_("The phone cell contains more than one number. Enter one."))
    if not _SPELLING.fullmatch(text):
        raise InvalidPhone(_("A phone number has digits only. Remove the other characters."))
    return text


def _plain(raw: str) -> str:
    """`raw` without invisible characters and the wrappings of spreadsheets, in ASCII digits."""
    text = raw
    if not raw.isascii():
        text = unicodedata.normalize("NFKC", raw).translate(_DASHES)
        text = "".join(c for c in text if unicodedata.category(c) != "Cf")  # BOM, direction marks
        text = "".join(str(unicodedata.decimal(c, c)) for c in text)
    text = " ".join(text.split())
    if formula := _FORMULA.fullmatch(text):
        text = formula[1]
    return text.strip("'\"`’ ").removeprefix("tel:").strip()


def _parse(text: str) -> phonenumbers.PhoneNumber:
    try:
        return phonenumbers.parse(text, "IN")
    except NumberParseException as error:
        if error.error_type == NumberParseException.TOO_LONG:
            raise InvalidPhone(
                _("The number has too many digits. %(advice)s.") % {"advice": COUNTRY_CODE_ADVICE}
            ) from None
        raise InvalidPhone(
            _("This is not a phone number. %(advice)s.") % {"advice": COUNTRY_CODE_ADVICE}
        ) from None


def _fault(number: phonenumbers.PhoneNumber) -> str:
    why = _LENGTHS.get(
        phonenumbers.is_possible_number_with_reason(number), "does not exist in its country"
    )
    return f"The number {why}. Check it. {COUNTRY_CODE_ADVICE}."
