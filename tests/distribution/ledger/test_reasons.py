"""Reasons in words that staff can read out."""

from __future__ import annotations

import pytest

from distribution.ledger.reasons import OWN, DeliveryReason, explain
from phonepool import errors


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("undeliverable", "not on WhatsApp or can't be reached"),
        ("parameter_rules", "WhatsApp refused the values: parameter rules"),
        ("token_invalid", "token invalid"),
        ("opted_out", "opted out before it was sent"),
        ("cancelled", "not sent, distribution cancelled"),
        ("withdrawn", "stopped before it was sent"),
        ("of_the_future", "of the future"),
    ],
)
def test_a_reason_is_told_in_words(reason, words):
    assert explain(reason).words == words


def test_advice_comes_with_what_is_known_and_stays_away_from_the_unknown():
    assert explain("parameter_rules").advice.startswith("Remove line breaks")
    assert explain("of_the_future").advice == ""


def test_each_of_our_own_reasons_has_words_for_a_list_and_for_a_sentence():
    assert set(OWN) == set(DeliveryReason)
    shown = [explain(reason) for reason in DeliveryReason]
    assert all(one.words and one.sentence_end and one.advice.endswith(".") for one in shown)


def test_a_failure_without_an_error_code_has_a_sentence_of_its_category():
    assert explain("no_connection").sentence_end == "WhatsApp could not be reached"
    assert explain("withdrawn").sentence_end == "stopped before it was sent"


def test_failures_of_ranges_subcodes_and_without_a_code_are_found_by_slug():
    assert {"number_not_reachable", "unlisted", "insights"} <= set(errors.BY_SLUG)
