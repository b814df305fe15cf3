"""Reasons in words that staff can read out."""

from __future__ import annotations

import pytest

from distribution.ledger.reasons import explain


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("undeliverable", "the number is not on WhatsApp, or cannot be reached"),
        ("parameter_rules", "WhatsApp refused the values: parameter rules"),
        ("token_invalid", "token invalid"),
        ("opted_out", "opted out before it was sent"),
        ("cancelled", "left out, the distribution was cancelled"),
        ("withdrawn", "the call was withdrawn before it was sent"),
        ("of_the_future", "of the future"),
    ],
)
def test_a_reason_is_told_in_words(reason, words):
    assert explain(reason).words == words


def test_advice_comes_with_what_is_known_and_stays_away_from_the_unknown():
    assert explain("parameter_rules").advice.startswith("Take line breaks")
    assert explain("of_the_future").advice == ""
