from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.content.rendering import PARAMETER_LIMIT, components, fill_address, fill_in
from distribution.mirror import template_sync
from distribution.models import Content, MessageTemplate, TemplateStatus
from phonepool.cloud_api.client import TemplateFacts
from phonepool.errors import NO_ANSWER
from phonepool.exceptions import Unanswered
from subscribers.models import Subscriber
from tests.builders import a_template

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
ASHA = Subscriber(name="Asha", tier="PRO", attributes={"city": "Pune", "count": 3})


# --- filling in -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Nifty opens flat", "Nifty opens flat"),
        ("Good morning {name}", "Good morning Asha"),
        ("{name}, {city}: {count}", "Asha, Pune: 3"),
        ("{unknown}", "-"),
        ("Hello {unknown}!", "Hello !"),
        ("", "-"),
        ("  ", "-"),
        ("\n\t", "-"),
        ("a\r\n\tb", "a b"),
        ("a     b", "a b"),
        ("a    b", "a    b"),  # four are allowed
        ("a    \n    b", "a b"),  # nine are not, however they came about
        ("a\u2028b\x85c", "a b c"),
        ("{name", "{name"),
        ("{}", "{}"),
        ("{0}", "{0}"),
        ("{name.__class__}", "{name.__class__}"),  # placeholders are names, not expressions
        ("{{name}}", "{Asha}"),
        ("ℹ️ नमस्ते {name} 🙏", "ℹ️ नमस्ते Asha 🙏"),
    ],
)
def test_a_persons_values_are_put_in(text, filled):
    assert fill_in(text, {"name": "Asha", "city": "Pune", "count": 3}) == filled


def test_a_value_is_not_looked_through_for_placeholders():
    assert fill_in("{name}", {"name": "{city}", "city": "Pune"}) == "{city}"


def test_a_long_text_is_cut():
    assert len(fill_in("x" * 2000, {})) == PARAMETER_LIMIT


awkward = st.text(st.one_of(st.sampled_from(" \n\t\r{}name\x0b\x85\u2028"), st.characters()))


@given(awkward, st.dictionaries(st.sampled_from(["name", "a"]), awkward))
def test_meta_never_refuses_what_is_filled_in(text, known):
    filled = fill_in(text, known)

    assert 0 < len(filled) <= PARAMETER_LIMIT
    assert filled.strip()
    assert not set(filled) & set("\n\r\t\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
    assert "     " not in filled


# --- the message ------------------------------------------------------------------------------


def test_a_message_is_made_in_metas_form():
    content = Content(
        message_template=MessageTemplate(),
        body_variables=["{name}", "for {tier}"],
        media={"type": "image", "id": "5"},
    )

    assert components(content, ASHA) == [
        {"type": "header", "parameters": [{"type": "image", "image": {"id": "5"}}]},
        {
            "type": "body",
            "parameters": [{"type": "text", "text": "Asha"}, {"type": "text", "text": "for PRO"}],
        },
    ]


def test_a_message_without_variables_has_no_parts():
    assert (
        components(Content(message_template=MessageTemplate(), body_variables=[], media={}), ASHA)
        == []
    )


def test_an_attribute_never_passes_for_the_name():
    imposter = Subscriber(name="Asha", attributes={"name": "Bank of India"})

    body = components(
        Content(message_template=MessageTemplate(), body_variables=["{name}"]), imposter
    )[0]
    assert body["parameters"] == [{"type": "text", "text": "Asha"}]


@given(st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.none(), max_size=3))
def test_any_attributes_make_a_message_that_can_be_written_as_json(attributes):
    person = Subscriber(name="Asha", attributes=attributes)

    json.dumps(
        components(
            Content(message_template=MessageTemplate(), body_variables=["{name} {a} {b}"]), person
        )
    )


# --- Meta's templates -------------------------------------------------------------------------


class Meta:
    def __init__(self, *templates: TemplateFacts) -> None:
        self.templates = list(templates)

    def message_templates(self, account_id: str) -> list[TemplateFacts]:
        return self.templates


def facts(name: str, status: str = "APPROVED", **fields) -> TemplateFacts:
    given_fields = {
        "id": "77",
        "language": "en",
        "category": "UTILITY",
        "quality": "GREEN",
        **fields,
    }
    return TemplateFacts(
        name=name, status=status,
        components=({"type": "BODY", "text": "Hello {{1}}"},), **given_fields,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("APPROVED", TemplateStatus.APPROVED),
        ("approved", TemplateStatus.APPROVED),
        ("PAUSED", TemplateStatus.PAUSED),
        ("DISABLED", TemplateStatus.DISABLED),
        ("PENDING", TemplateStatus.PENDING),
        ("REJECTED", TemplateStatus.REJECTED),
        ("IN_APPEAL", TemplateStatus.OTHER),
        ("LIMIT_EXCEEDED", TemplateStatus.OTHER),
        ("", TemplateStatus.OTHER),
    ],
)
def test_metas_words_become_ours(word, status):
    assert template_sync.status_of(word) == status


@pytest.mark.django_db
def test_metas_templates_are_mirrored():
    ours = a_template(name="daily_update", rotation_group="morning", is_fallback=True)

    meta = Meta(facts("daily_update", "PAUSED"), facts("daily_update", language="hi"))
    assert template_sync.sync(meta, now=NOW) == 2
    assert template_sync.sync(meta, now=NOW) == 2

    assert MessageTemplate.objects.count() == 2
    ours.refresh_from_db()
    assert (ours.status, ours.quality, ours.meta_id, ours.synced_at) == (
        "PAUSED",
        "GREEN",
        "77",
        NOW,
    )
    assert ours.components == [{"type": "BODY", "text": "Hello {{1}}"}]
    assert (ours.rotation_group, ours.is_fallback) == ("morning", True)  # ours alone to say


@pytest.mark.django_db
def test_what_meta_does_not_tell_changes_nothing(monkeypatch):
    ours = a_template()
    before = MessageTemplate.objects.values().get()
    meta = Meta()

    def silent(account_id: str) -> list[TemplateFacts]:
        raise Unanswered(NO_ANSWER)

    meta.message_templates = silent
    with pytest.raises(Unanswered):
        template_sync.sync(meta, now=NOW)

    assert MessageTemplate.objects.filter(pk=ours.pk).values().get() == before


# --- addresses of buttons ---------------------------------------------------------------------


PLACES = {"city": "New Delhi", "firm": "Rao & Söhne #1", "path": "inv/204?t=a b&x=50%&y=%20"}


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("today", "today"),
        ("c={city}", "c=New%20Delhi"),  # the unclear case of B14, B22 and B36
        ("?c={city}&f={firm}", "?c=New%20Delhi&f=Rao%20%26%20S%C3%B6hne%20%231"),
        ("{path}", "inv/204?t=a%20b&x=50%25&y=%20"),  # the whole address stays one
        ("x/{path}", "x/inv%2F204%3Ft%3Da%20b%26x%3D50%25%26y%3D%2520"),
        ("a b", "a%20b"),
        ("न", "%E0%A4%A8"),
        ("done%20already", "done%20already"),
        ("{unknown}", "-"),
        ("c={unknown}", "c="),
        ("", "-"),
    ],
)
def test_personal_values_in_an_address_are_percent_encoded(text, sent):
    assert fill_address(text, PLACES) == sent


@given(awkward, st.dictionaries(st.sampled_from(["name", "a"]), awkward))
def test_an_address_has_only_signs_that_may_stand_in_one(text, known):
    filled = fill_address(text, known)

    assert filled.isascii()
    assert filled.isprintable()
    assert not set(filled) & set(' "<>\\^`{|}')
    assert not re.search("%(?![0-9A-Fa-f]{2})", filled)


def test_a_long_value_is_cut_between_two_letters():
    filled = fill_address("n={name}", {"name": "न" * 100})

    assert filled == "n=" + "%E0%A4%A8" * 33


def test_the_message_carries_the_encoded_address():
    content = Content(
        message_template=MessageTemplate(), body_variables=[], button_variables={"1": "c={city}"}
    )
    person = Subscriber(name="Asha", attributes={"city": "New Delhi"})

    assert components(content, person)[0]["parameters"] == [
        {"type": "text", "text": "c=New%20Delhi"}
    ]
