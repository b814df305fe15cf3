"""One definition of a placeholder, in any script: for titles, attributes and texts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.details import placeholders
from subscribers.details.placeholders import MAX_VALUE_LENGTH, name_of


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("First Name", "first_name"),
        ("R&D", "r_d"),
        ("2nd Name", "2nd_name"),
        ("City/Town", "city_town"),
        ("Ward No. (old)", "ward_no_old"),
        ("Notes; more", "notes_more"),
        ("É-tag", "é_tag"),
        ("E\u0301-tag", "é_tag"),
        ("शहर", "शहर"),
        ("ज़िला", "ज\u093cिला"),
        ("क्\u200dष", "क्ष"),
        ("நகரம்", "நகரம்"),
        ("Father's name", "fathers_name"),
        ("ＣＩＴＹ", "city"),
        ("🏠 Address 🏠️", "address"),
        ("__x__y__", "x_y"),
        ("2024", ""),
        ("☎️ / #", ""),
    ],
)
def test_a_title_stands_for_a_name_of_letters_digits_and_underscores(title, name):
    """P8"""
    assert name_of(title) == name
    assert name_of(name) == name


@settings(deadline=None)
@given(st.text(max_size=40))
def test_every_name_is_a_placeholder_that_a_text_may_hold(title):
    """P8"""
    name = name_of(title)

    if name:
        assert name_of(name) == name
        assert placeholders.names_in(f"x {{{name}}} y") == [name]
        assert placeholders.without(f"x {{{name}}} y") == "x  y"


@pytest.mark.parametrize("text", ["{", "{}", "{0}", "{ city }", "{first name}", "{a.b}", "{a-b}"])
def test_other_braces_are_no_placeholders(text):
    """P8"""
    assert placeholders.names_in(text) == []
    assert placeholders.substitute(text, str.upper) == text


def test_a_text_names_a_value_in_any_spelling_of_its_letters():
    """P8"""
    assert placeholders.names_in("{E\u0301_tag} {City} {क्\u200dष}") == ["é_tag", "city", "क्ष"]


@pytest.mark.parametrize(("value", "sent"), [(None, ""), (3, "3"), ("x" * 100, "x" * 100)])
def test_a_value_is_sent_as_it_is(value, sent):
    """P9"""
    assert placeholders.shortened(value) == sent


def test_a_value_longer_than_texts_reckon_is_shortened_visibly():
    """P9: one that was stored before values were limited"""
    assert placeholders.shortened("x" * 1_500) == "x" * (MAX_VALUE_LENGTH - 1) + "…"
