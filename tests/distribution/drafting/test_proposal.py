"""Better versions by rules: what each rule changes, with which reason, and what stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.drafting import lint, proposal, texts
from distribution.drafting.proposal import RULES, Change, Proposal, Signals
from distribution.drafting.rewriting import REWRITES
from distribution.models import MessageTemplate

CALM = "Good morning {{1}}. Today: {{2}}. That is all for now."
LINK = {
    "type": "URL",
    "text": "Buy now",
    "url": "https://a.in/{{1}}",
    "example": ["https://a.in/x"],
}


def template(body: str, *others: dict[str, Any], language: str = "en") -> MessageTemplate:
    example = {"body_text": [["Asha", "Nifty opens flat"]]}
    components = [{"type": "BODY", "text": body, "example": example}, *others]
    return MessageTemplate(language=language, category="UTILITY", components=components)


def proposed(body: str, *others: dict[str, Any], language: str = "en", **known: Any) -> Proposal:
    source = template(body, *others, language=language)
    found = proposal.propose(source, Signals(**known))
    assert proposal.propose(source, Signals(**known)) == found
    assert proposal.fits(source, found.components)
    assert [one.message for one in lint.problems("x_v2", "UTILITY", found.components)] == []
    return found


def by_rule(found: Proposal) -> dict[str, Change]:
    assert len({(one.rule, one.part) for one in found.changes}) == len(found.changes)
    assert all(one.reason and "%(" not in one.reason for one in found.changes)
    return {one.rule: one for one in found.changes}


def test_every_rule_of_the_table_has_its_rewriting() -> None:
    assert {rule.name for rule in RULES} == set(REWRITES)


def test_a_calm_text_that_nobody_blocks_is_left_alone() -> None:
    assert proposed(CALM) == Proposal(template(CALM).components)


def test_an_offensive_text_is_for_a_person() -> None:
    found = proposed(CALM, top_reason="OFFENSIVE_MESSAGES", blocked=True)
    assert (found.changes, found.refusal[:29]) == ((), "People block it as offensive.")


def test_who_wants_to_stop_sees_how() -> None:
    changed = by_rule(proposed(CALM, stops=3))
    assert {name: one.after for name, one in changed.items()} == {
        "stop_footer": "Reply STOP to end these messages",
        "stop_button": "Stop",
    }
    found = proposed(CALM, {"type": "BUTTONS", "buttons": [LINK]}, top_reason="NO_LONGER_NEEDED")
    assert texts.of(found.components).buttons == ("Read more", "Stop")
    quick = {"type": "QUICK_REPLY", "text": "Thanks"}
    apart = proposed(CALM, {"type": "BUTTONS", "buttons": [quick, LINK]}, blocked=True)
    assert texts.of(apart.components).buttons == ("Thanks", "Read more")
    there = {"type": "FOOTER", "text": "Reply STOP"}, {"type": "BUTTONS", "buttons": [quick]}
    assert set(by_rule(proposed(CALM, *there, blocked=True))) == {"stop_button"}


def test_spam_loses_links_shouting_and_selling_word_by_word() -> None:
    found = proposed(
        "BIG NEWS FOR YOU {{1}}!!! Hurry, limited time offer. 🎉🎉🎉 Read https://a.in/x and "
        "https://b.in/y. Also bit.ly/zz here. Today: {{2}}. Thanks for reading it all."
    )
    assert texts.of(found.components).body == (
        "Big news for you {{1}}! 🎉🎉 Read https://a.in/x. Today: {{2}}. Thanks for reading it all."
    )
    assert list(by_rule(found)) == [
        *("shortened_link", "links", "persuasive", "capitals", "exclamation", "emoji")
    ]
    assert "https://b.in/y" in by_rule(found)["links"].reason
    in_a_sentence = proposed("Note for {{1}}. Get cashback on {{2}} today. That is all for now.")
    assert texts.of(in_a_sentence.components).body == (
        "Note for {{1}}. Get on {{2}} today. That is all for now."
    )


def test_a_long_text_loses_its_last_sentences_without_a_variable() -> None:
    body = "Note for {{1}}. " + "This sentence says nothing new. " * 30 + "Today: {{2}}. Bye now."
    shorter = by_rule(proposed(body))["length"].after
    assert len(shorter) <= 550
    assert shorter.startswith("Note for {{1}}. This sentence")
    assert shorter.endswith("Today: {{2}}. Bye now.")


def test_the_news_comes_before_the_greeting_when_reads_fall() -> None:
    assert by_rule(proposed(CALM, reads_dropped=True))["greeting"].after == (
        "Today: {{2}}. Good morning {{1}}. That is all for now."
    )
    plain = proposed(
        "Good morning. Your news {{1}}: {{2}}. That is all we have.", reads_dropped=True
    )
    assert texts.of(plain.components).body == "Your news {{1}}: {{2}}. That is all we have."


def test_who_forgot_signing_up_is_reminded_in_the_language_of_the_text() -> None:
    english = by_rule(proposed(CALM, top_reason="NO_SIGN_UP"))["sign_up"].after
    assert english.startswith("You receive this message because you subscribed to it.\n\nGood")
    hindi = "नमस्ते {{1}} जी। आज का बाज़ार: {{2}}। आपका दिन शुभ हो।"
    assert "STOP लिखें" in by_rule(proposed(hindi, language="hi", blocked=True))["stop_footer"].after
    assert proposed(CALM, language="fi", top_reason="NO_SIGN_UP").changes == ()


def test_what_meta_takes_no_longer_is_mended_with_the_first_change() -> None:
    body = "Good morning {{1}}.\n*What is new today:* {{2}}"
    example = template(body).components
    assert [one.kind for one in lint.problems("x", "UTILITY", example)] == ["trailing"]
    assert by_rule(proposed(body, blocked=True))["ending"].after.endswith("today:* {{2}}.")
    assert proposal.propose(template(body), Signals()).changes == ()
    assert "opening" in by_rule(proposed("{{1}}, here is today's news: {{2}}. Bye.", stops=1))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("{{1}} is what we have for you, and {{2}} is the rest.", "leading"),
        ("What we have for you today: {{1}} {{2}} and that is it.", "adjacent"),
        ("Hi {{1}}: {{2}}, bye.", "words"),
        ("", "empty"),
        ("Note {{1}} and {{2}}. " + "x" * 1024, "length"),
        ("Our offer for {{1}}: buy now, {{2}} is on sale today.", "category"),
    ],
)
def test_what_meta_would_refuse_is_found_before(body: str, kind: str) -> None:
    assert kind in [one.kind for one in lint.problems("x", "UTILITY", template(body).components)]


def test_a_variable_without_a_sample_and_an_odd_name_are_found() -> None:
    bare = [{"type": "BODY", "text": CALM}]
    assert [one.kind for one in lint.problems("Näme", "UTILITY", bare)] == ["name", *["sample"] * 2]
    assert lint.problems("x", "UTILITY", texts.put_into(bare, texts.of(bare))) == []


@given(
    body=st.text(st.sampled_from("Aa .!?\n{}12🎉Rs,-।") | st.characters(), max_size=80),
    reason=st.sampled_from(["", "SPAM", "NO_SIGN_UP", "NO_LONGER_NEEDED", "OTHER"]),
    flags=st.tuples(st.booleans(), st.booleans()),
)
def test_any_text_keeps_its_variables(body: str, reason: str, flags: tuple[bool, bool]) -> None:
    source = template(f"News for {{{{1}}}}. {body}. It is {{{{2}}}} today.")
    known = Signals(reason, blocked=flags[0], reads_dropped=flags[1])
    found = proposal.propose(source, known)
    assert proposal.fits(source, found.components)
    assert proposal.propose(source, known) == found
