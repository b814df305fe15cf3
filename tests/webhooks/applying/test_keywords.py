from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.applying import keywords

STOPS = [
    *(
        "STOP",
        "stop",
        "Stop",
        " stop ",
        "Stop.",
        "STOP!!!",
        "«Stop»",
        "“stop”",
        "stop 🙏",
        "🛑 STOP",
    ),
    "ＳＴＯＰ",
    "stop\ufe0f",
    "st\u200dop",
    "please stop",
    "Stop please",
    "pls STOP",
    "STOP ALL",
    "unsubscribe",
    "Un-subscribe",
    "opt out",
    "opt-out",
    "OPTOUT",
    "cancel",
    "Quit",
    "end",
    "रोकें",
    "रोको",
    "बंद",
    "बंद करें",
    "बंद करें।",
    "बन्द करो",
    "कृपया बंद करें",
    "मत भेजो",
    "बंद करेँ",
    "ब\u0902द",
    "स्टॉप",
    "band karo",
    "Band kar do ji",
    "STOP\n",
    "stop..",
    "(stop)",
]
STARTS = [
    "START",
    "Start!",
    "subscribe",
    "SUBSCRIBE",
    "unstop",
    "opt-in",
    "resume",
    "start again",
    "शुरू",
    "शुरु",
    "शुरू करें",
    "शुरू करो।",
    "चालू",
    "चालू करें",
    "कृपया शुरू करें",
    "shuru karo",
]
NEITHER = [
    "",
    " ",
    ".",
    "🙏",
    "ok",
    "yes",
    "no",
    "हाँ",
    "नहीं",
    "hello",
    "thanks",
    "stopped",
    "stopping",
    "please do not stop",
    "don't stop",
    "why did you stop?",
    "stop start",
    "full stop to be put",
    "bus stop",
    "when do you start",
    "start the meeting at 9",
    "बंद मत करो",
    "बाज़ार बंद है",
    "unsubscribed",
    "restart",
    "the end",
    "weekend",
    "cancelled",
    "stop " * 100,
    "एक",
    "stop1",
]


@pytest.mark.parametrize("text", STOPS)
def test_these_mean_stop(text):
    assert keywords.parse_opt(text) is False


@pytest.mark.parametrize("text", STARTS)
def test_these_mean_start(text):
    assert keywords.parse_opt(text) is True


@pytest.mark.parametrize("text", NEITHER)
def test_these_mean_neither(text):
    assert keywords.parse_opt(text) is None


@pytest.mark.parametrize("text", STOPS + STARTS)
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_the_keyboards_way_of_composing_letters_does_not_matter(text, form):
    assert keywords.parse_opt(unicodedata.normalize(form, text)) == keywords.parse_opt(text)


@pytest.mark.parametrize(
    ("chosen", "wish"),
    [
        (["STOP:42", "No more, please"], False),
        (["42", "Stop these messages"], False),
        (["STOP"], False),
        (["unsubscribe:all", "Leave"], False),
        (["x", "बंद करें"], False),
        (["START:42", "Stop these"], False),
        (["START:42", "Yes, write to me"], True),
        (["9", "Start"], True),
        (["9", "Start quiz"], None),
        (["9", "Starting today"], None),
        (["9", "Stopwatch"], None),
        (["order:9", "Cancel order"], None),
        (["9", "End of day report"], None),
        ([], None),
    ],
)
def test_buttons_stop_by_their_beginning_and_start_by_the_whole_word(chosen, wish):
    assert keywords.parse_opt("", chosen) is wish


def test_no_word_is_in_both_lists():
    assert keywords._STOP.isdisjoint(keywords._START)
    assert keywords._STOP_BUTTON <= keywords._STOP


@given(st.text(max_size=300), st.lists(st.text(max_size=300), max_size=2))
def test_any_text_is_answered(said, chosen):
    assert keywords.parse_opt(said, chosen) in (True, False, None)
