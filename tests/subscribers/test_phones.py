"""Phone numbers as people, address books and spreadsheets write them."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masking.phones import mask_digits, mask_phone
from subscribers.phones import InvalidPhone, from_wa_id, normalise

SPELLINGS = [
    "+919812345678",
    "9812345678",
    "09812345678",
    "919812345678",
    "00919812345678",
    "+91 98123-45678",
    "+91 (0) 98123 45678",
    "98123.45678",
    " 98123\u00a045678 ",
    "\ufeff9812345678",
    "\u202a+91 98123 45678\u202c",
    "98123\u201145678",
    "'9812345678",
    "’9812345678",
    '="9812345678"',
    '"+919812345678"',
    "919812345678.0",
    "9812345678,00",
    "tel:+91-98123-45678",
    "९८१२३४५६७८",
    "+९१ ९८१२३ ४५६७८",
    "９８１２３４５６７８",
]


@pytest.mark.parametrize("written", SPELLINGS)
def test_every_common_spelling_is_the_same_number(written):
    assert normalise(written) == "+919812345678"


@pytest.mark.parametrize(
    ("written", "e164"),
    [
        ("+44 7911 123456", "+447911123456"),
        ("0044 7911 123456", "+447911123456"),
        ("+39 06 12345678", "+390612345678"),
    ],
)
def test_other_countries_need_their_code(written, e164):
    assert normalise(written) == e164


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "The phone number is missing."),
        (" \u200b'", "The phone number is missing."),
        (
            "9.19812E+11",
            "Excel has shortened this number and lost its last digits."
            " Format the column as text and export the file again.",
        ),
        (
            "9,19812e+11",
            "Excel has shortened this number and lost its last digits."
            " Format the column as text and export the file again.",
        ),
        ("9812345678 / 9812345679", "The phone cell contains more than one number. Enter one."),
        ("9812345678;9812345679", "The phone cell contains more than one number. Enter one."),
        (
            "call Ravi",
            "A phone number has digits only. Remove the other characters.",
        ),
        (
            "9812345678 x5",
            "A phone number has digits only. Remove the other characters.",
        ),
        ("9" * 65, "The phone cell is too long. Enter one number."),
        (
            "98123",
            "The number has too few digits. Check it. Use + and the country code,"
            " for example +91 98123 45678.",
        ),
        (
            "98123456789012",
            "The number has too many digits. Check it. Use + and the country code,"
            " for example +91 98123 45678.",
        ),
        (
            "1112345678",
            "The number does not exist in its country. Check it. Use + and the"
            " country code, for example +91 98123 45678.",
        ),
        (
            "+",
            "This is not a phone number. Use + and the country code, for example +91 98123 45678.",
        ),
        (
            "9" * 40,
            "The number has too many digits. Use + and the country code,"
            " for example +91 98123 45678.",
        ),
    ],
)
def test_a_refusal_says_what_to_do(written, reason):
    with pytest.raises(InvalidPhone) as refusal:
        normalise(written)

    assert str(refusal.value) == reason


def test_a_mistyped_indian_number_is_not_taken_for_a_foreign_one():
    # +98 is Iran: one digit too many must not write to a stranger there.
    with pytest.raises(InvalidPhone):
        normalise("98912345678")


@settings(deadline=None)
@given(st.text(max_size=80) | st.from_regex(r"\+?[0-9 ()\-]{5,20}", fullmatch=True))
def test_any_text_is_a_number_or_refused_and_a_number_stays_itself(written):
    try:
        phone = normalise(written)
    except InvalidPhone:
        return

    assert normalise(phone) == phone
    assert phone[0] == "+"
    assert phone[1:].isascii()
    assert phone[1:].isdigit()
    assert 8 <= len(phone) <= 16


@settings(deadline=None)
@given(st.integers(6 * 10**9, 10**10 - 1), st.integers(0, 10), st.sampled_from(" -.\u00a0"))
def test_a_separator_anywhere_changes_nothing(number, place, separator):
    digits = str(number)

    assert normalise(f"{digits[:place]}{separator}{digits[place:]}") == f"+91{digits}"


def by_the_library(written: str) -> str | None:
    """What the library alone makes of it."""
    try:
        number = phonenumbers.parse(written, "IN")
    except phonenumbers.NumberParseException:
        return None
    e164 = phonenumbers.PhoneNumberFormat.E164
    valid = phonenumbers.is_valid_number(number)
    return phonenumbers.format_number(number, e164) if valid else None


def ours(written: str) -> str | None:
    try:
        return normalise(written)
    except InvalidPhone:
        return None


PREFIXES = ("", "0", "91", "+91", "+91 ", "+91-", "0 ", "091", "+0", "+910")


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(PREFIXES),
    st.from_regex(r"[1-9][0-9]{3,5}[ -]?[0-9]{4,6}", fullmatch=True),
)
def test_the_short_way_for_indian_mobiles_ends_where_the_library_does(prefix, digits):
    assert ours(prefix + digits) == by_the_library(prefix + digits)


def test_every_series_of_indian_mobiles_is_judged_as_the_library_does():
    # Its rule looks at no more than the first six digits; a sample of the last two of them.
    numbers = [f"{series}{series % 97:02}1234" for series in range(5000, 10_000)]
    assert [ours(number) for number in numbers] == [by_the_library(n) for n in numbers]


def test_whatsapps_own_spelling_lacks_only_the_plus():
    assert from_wa_id("919812345678") == "+919812345678"
    assert from_wa_id("+919812345678") == "+919812345678"


@pytest.mark.parametrize(
    "wa_id", ["", "IN.1349", "12345", "0919812345678", "९१९८१२३४५६७८", "9" * 16]
)
def test_what_is_no_whatsapp_id_is_refused(wa_id):
    with pytest.raises(InvalidPhone, match="not a WhatsApp id"):
        from_wa_id(wa_id)


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("+919812345678", "+91******5678"),
        ("+447911123456", "+44******3456"),
        ("+2901234", "+29******34"),
    ],
)
def test_a_masked_number_shows_country_and_end(phone, masked):
    assert mask_phone(phone) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("98123 45678 (Ravi)", "***** ***78 (Ravi)"),
        ("९८१२३", "***२३"),
        ("7", "7"),
        ("Ravi", "Ravi"),
        ("x" * 50, "x" * 39 + "…"),
    ],
)
def test_digits_in_free_text_are_starred_out(text, masked):
    assert mask_digits(text) == masked
