"""Text from outside, fit for a message's body."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.links import has_link
from subscribers.text_cleaning import clean_line


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("  Asha   Rao ", "Asha Rao"),
        ("Asha\r\n\tRao", "Asha Rao"),
        ("Asha\u00a0\u2003Rao", "Asha Rao"),
        ("As\x00ha\x1b[31m", "Asha[31m"),
        ("\ufeffAsha\u200b", "Asha"),
        ("Asha\u202eoaR", "AshaoaR"),
        ("क्\u200dष", "क्\u200dष"),
        ("👩\u200d🌾", "👩\u200d🌾"),
        ("e\u0301", "é"),
        ("\n\t", ""),
    ],
)
def test_text_becomes_one_visible_line(text, tidied):
    assert clean_line(text) == tidied


@settings(deadline=None)
@given(st.text())
def test_no_text_can_make_whatsapp_refuse_a_message(text):
    tidied = clean_line(text)

    assert clean_line(tidied) == tidied
    assert "  " not in tidied
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in tidied)


@pytest.mark.parametrize(
    "text", ["http://a.in", "see HTTPS://a.in", "www.a.in", "WA.me/91", "x://y"]
)
def test_a_link_is_seen(text):
    assert has_link(text)


@pytest.mark.parametrize("text", ["Asha", "a.in", "10:30 / 11:00", "swww.x", "asha@example.in"])
def test_what_is_no_link_is_let_through(text):
    assert not has_link(text)
