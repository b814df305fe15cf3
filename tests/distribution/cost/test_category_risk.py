"""The rules of category risk: each finds its example, none finds a plain market note."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distribution.cost.category_risk import RULES, Level, Passage, Risk, assess

NOTE = (
    "Good morning Asha. Nifty closed 0.4% higher at 24,812. The RBI decides on rates at 10:00. "
    "Gold is ₹7,412 a gram. Free float rises in two index names."
)


def risk(text: str, **fields: bool) -> Risk:
    return assess([Passage("Variable 1", text, **fields)])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_finds_its_own_example_and_says_why(rule):
    found = risk(rule.example, is_button=rule.name == "button").findings

    assert rule.name in [finding.rule for finding in found]
    assert rule.why.endswith(".")


def test_a_plain_market_note_has_no_risk():
    assert risk(NOTE) == Risk(Level.LOW, ())


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("आज का विशेष ऑफर", "offer"),
        ("अभी निवेश करें", "buy_now"),
        ("Aakhri mauka hai", "limited_time"),
        ("flat 20% OFF", "discount"),
        ("Don’t miss it", "limited_time"),
    ],
)
def test_hindi_in_both_scripts_and_other_spellings_count(text, rule):
    assert rule in [finding.rule for finding in risk(text).findings]


@pytest.mark.parametrize("text", ["The offeror named a price", "offering memorandum", "wholesale"])
def test_a_word_inside_another_is_not_found(text):
    assert risk(text).findings == ()


def test_three_findings_of_a_level_weigh_as_one_of_the_next():
    texts = ["free trial", "risk-free", "happy diwali"]

    assert assess([Passage("a", text) for text in texts]).level == Level.HIGH
    assert assess([Passage("a", text) for text in texts[:2]]).level == Level.MEDIUM


def test_the_gravest_comes_first_with_its_place():
    found = assess(
        [Passage("Variable 1", "Great!!"), Passage("Button 1", "Buy now", is_button=True)]
    )

    assert [(one.level, one.place) for one in found.findings] == [
        (Level.HIGH, "Button 1"),
        (Level.HIGH, "Button 1"),
        (Level.LOW, "Variable 1"),
    ]


@settings(max_examples=50)
@given(st.text(max_size=200), st.text(max_size=200))
def test_more_text_never_lowers_the_risk(first: str, more: str):
    """The same text gives the same findings, and a further place only adds some."""
    alone, both = risk(first), assess([Passage("Variable 1", first), Passage("Variable 2", more)])

    assert set(alone.findings) <= set(both.findings)
    assert list(Level).index(alone.level) <= list(Level).index(both.level)
