"""Every spelling leads to every other (case A13)."""

from __future__ import annotations

import pytest

from subscribers.identity.spellings import spellings

SAME = [
    ["+5511987654321", "+551187654321"],
    ["+5531998877665", "+553198877665"],
    ["+525512345678", "+5215512345678"],
    ["+528112345678", "+5218112345678"],
    ["+541123456789", "+5491123456789", "+54111523456789"],
    ["+543512345678", "+5493512345678", "+54351152345678"],
    ["+542954412345", "+5492954412345", "+54295415412345"],
]
ALONE = [
    "+919812345678",
    "+551134567890",  # a landline of Brazil: a ninth digit would make it a mobile
    "+5511934567890",  # a mobile of the newer kind: without the ninth digit it is a landline
    "+14155552671",
    "+5255123456",
    "+54911",
    "+5511",
    "+34612345678",
]


@pytest.mark.parametrize("phones", SAME, ids=lambda phones: phones[0])
def test_each_spelling_of_a_phone_leads_to_all_others(phones):
    for phone in phones:
        assert spellings(phone)[0] == phone
        assert set(spellings(phone)) == set(phones)


@pytest.mark.parametrize("phone", ALONE)
def test_other_phones_have_one_spelling(phone):
    assert spellings(phone) == (phone,)
