"""One person is found in free text in every spelling, and nobody else is."""

from __future__ import annotations

import pytest

from subscribers.people.traces import Person, scrub_json_text

ASHA = Person(
    7,
    "+919845012365",
    frozenset({"+919845012365"}),
    frozenset({"IN.1349120865530274"}),
    ("Asha Rao", "asha@example.in"),
)
pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    "text",
    [
        "call +919845012365 back",
        "call +91 98450 12365 back",
        "call 0091-98450-12365 back",
        "call 09845012365 back",
        "call 98450 12365 back",
        "call (98450) 123 65 back",
        "?q=%2B919845012365",
        "?q=98450%2012365",
        "Asha Rao asked",
        "ASHA  RAO asked",
        "asha-rao.csv",
        "list_asha_rao_june.csv",
        "?name=Asha%20Rao",
        "write to Asha@Example.in",
        "user IN.1349120865530274",
        "of wamid.HBgMOTE5ODQ1MDEyMzY1FQIAERgSQTE=",
    ],
)
def test_a_spelling_is_found_and_goes(text: str) -> None:
    assert ASHA.is_named_in(text)
    without = ASHA.scrub(text)
    assert "98450" not in without
    assert "rao" not in without.lower()
    assert not ASHA.is_named_in(without)


@pytest.mark.parametrize(
    "text",
    [
        "call +919845012366 back",
        "order 19198450123659",
        "Natasha Raoul asked",
        "Asha asked",
        "of wamid.HBgMOTE5ODQ1MDEyMzY2FQIAERgSQTE=",
        "",
    ],
)
def test_others_stay(text: str) -> None:
    assert ASHA.scrub(text) == text


def test_json_is_searched_as_what_it_says() -> None:
    zoe = Person(7, "+919845012365", frozenset({"+919845012365"}), names=("Zoé Quill",))
    told = '[{"reason": "Zo\\u00e9 Quill asked", "act": "pause"}]'
    assert scrub_json_text(zoe, told) == '[{"reason": "\\u2026 asked", "act": "pause"}]'
    assert scrub_json_text(zoe, '{"a": 1}') == '{"a": 1}'
