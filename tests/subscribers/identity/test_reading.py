"""A phone as WhatsApp spells it is read as the phone that it is."""

from __future__ import annotations

import pytest

from subscribers.identity.reading import read_phone
from subscribers.phones import InvalidPhone


@pytest.mark.parametrize(
    ("written", "phone"),
    [
        ("+52 1 55 1234 5678", "+525512345678"),  # Mexico's 1, in use until 2019
        ("+525512345678", "+525512345678"),
        ("+55 11 8765-4321", "+5511987654321"),  # Brazil without the ninth digit
        ("+55 11 98765-4321", "+5511987654321"),
        ("+54 11 15 2345 6789", "+5491123456789"),
        ("+54 9 11 2345 6789", "+5491123456789"),
        ("98123 45678", "+919812345678"),
    ],
)
def test_whatsapps_own_spelling_is_the_phone(written, phone):
    assert read_phone(written) == phone


@pytest.mark.parametrize("written", ["+52155123456789", "12", "", "abc", "+5511287654321x"])
def test_what_is_no_phone_in_any_spelling_stays_refused_with_its_reason(written):
    with pytest.raises(InvalidPhone, match=r"[.]$") as refusal:
        read_phone(written)

    assert "155" not in str(refusal.value)
