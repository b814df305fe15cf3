from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.content import preview, template_schema, validation
from distribution.content.rendering import fill_in
from distribution.content.validation import ASSUMED_VALUE_LENGTH, slot_problems
from distribution.models import MessageTemplate
from tests.builders import a_draft, a_subscriber
from tests.distribution.content_staff import PLAIN, RICH, a_rich_template

FORM, WHOLE = template_schema.parse(PLAIN), template_schema.parse(RICH)
GOOD = {"body-0": "{name}", "body-1": "Nifty opens flat"}

anything = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(["{name}", "{tier}", "{city}", "{", "}", "\n", "     ", "word "])).map(
        "".join
    ),
)
values = st.text(max_size=ASSUMED_VALUE_LENGTH)


@given(st.tuples(anything, anything), st.tuples(values, values, values))
def test_what_passes_the_rules_is_never_refused_by_meta_for_anybody(texts, person):
    given_texts = {"body-0": texts[0], "body-1": texts[1]}
    known = dict(zip(("name", "tier", "city"), person, strict=True))
    if slot_problems(FORM, given_texts, ["city"]):
        return

    sent = [fill_in(text, known) for text in texts]

    assert all(sent)
    assert not any(re.search("[\n\t]| {5}", text) for text in sent)
    assert len("Good morning .\n*Today:* ") + sum(map(len, sent)) <= template_schema.BODY_LIMIT


@given(st.text(max_size=400))
def test_the_bubble_shows_every_letter_and_no_markup_but_ours(text):
    html = str(preview.to_html(text))

    assert set(re.findall(r"<(/?\w+)>", html)) <= {
        *("strong", "/strong", "em", "/em", "s", "/s", "code", "/code", "br")
    }
    assert html.count("<") == len(re.findall(r"</?(?:strong|em|s|code|br)>", html))


odd = st.none() | st.integers() | st.text() | st.lists(st.dictionaries(st.just("url"), st.text()))
keys = st.sampled_from(["type", "format", "text", "buttons", "example", "url"])
kinds = st.sampled_from(["BODY", "HEADER", "BUTTONS", "body"])


@given(odd | st.lists(st.dictionaries(keys, odd | kinds | st.just("{{1}} {{x}}"))))
def test_strange_components_are_read_without_a_word(components):
    form = template_schema.parse(components)

    assert all(slot.room >= 0 for slot in form.slots)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Enter a value"),
        ("  ", "Enter a value"),
        ("one\ntwo", "Remove line breaks"),
        ("one\ttwo", "Remove line breaks"),
        ("a     b", "four spaces"),
        ("Hello {nmae}", "Unknown placeholder {nmae}. Did you mean {name}?"),
        ("Hello {first name}", "Unmatched { or }"),
        ("Hello {name", "Unmatched { or }"),
        ("x" * 1100, "Too long by 200"),
        ("x" * 820, None),
        ("{name}" * 10, "Too long by 100"),
        ("Hello {city}", None),
    ],
)
def test_each_fault_is_told_with_what_to_do(text, words):
    found = slot_problems(FORM, {"body-0": "{name}", "body-1": text}, ["city"])

    if words is None:
        assert found == {}
    else:
        assert words in " ".join(found["body-1"])


def test_a_template_is_read_with_names_examples_and_room():
    assert [(slot.key, slot.example, slot.room) for slot in WHOLE.slots] == [
        ("body-0", "Asha", 1000),
        ("body-1", "Nifty opens flat", 1000),
        ("button-1", "", len("x" * 2000) - len("https://example.com/")),
    ]
    assert (WHOLE.header, WHOLE.footer, WHOLE.names) == ("IMAGE", "Reply STOP to leave", ())


def test_named_variables_keep_their_names():
    form = template_schema.parse(
        [
            {
                "type": "BODY",
                "text": "Hello {{first_name}}, {{first_name}}: {{news}}",
                "example": {"body_text_named_params": [{"param_name": "news", "example": "Flat"}]},
            }
        ]
    )

    assert form.names == ("first_name", "news")
    assert [(slot.label, slot.times, slot.example) for slot in form.slots] == [
        ("First name", 2, ""),
        ("News", 1, "Flat"),
    ]


def test_numbered_variables_are_in_the_order_of_their_numbers():
    form = template_schema.parse([{"type": "BODY", "text": "{{2}} and {{10}} and {{1}}"}])

    assert [slot.name for slot in form.slots] == ["1", "2", "10"]


def test_a_fingerprint_knows_a_change_and_not_an_order():
    one = [{"type": "BODY", "text": "Hello"}]

    assert template_schema.fingerprint(one) == template_schema.fingerprint(
        [{"text": "Hello", "type": "BODY"}]
    )
    assert template_schema.fingerprint(one) != template_schema.fingerprint(
        [{**one[0], "text": "Hi"}]
    )


@pytest.mark.django_db
def test_findings_ask_for_the_picture_and_know_how_long_it_lives():
    content = a_draft(message_template=a_rich_template(), day=date(2026, 12, 31))
    assert "Button" not in " ".join(validation.content_problems(content))
    assert "Upload the image shown above the text." in validation.content_problems(content)

    content.media = {
        "type": "image",
        "id": "5",
        "uploaded_at": datetime(2026, 12, 1, 6, tzinfo=UTC).isoformat(),
    }
    content.button_variables = {"1": "today"}
    assert validation.content_problems(content) == [
        "Meta deletes the image on 31 Dec 2026. Upload it closer to the send date."
    ]
    content.day = date(2026, 12, 30)
    assert validation.content_problems(content) == []


@pytest.mark.django_db
def test_attributes_of_subscribers_may_be_named():
    a_subscriber(attributes={"city": "Pune"})

    assert validation.attribute_names() == ["city"]


@pytest.mark.django_db
def test_a_bubble_tells_which_values_the_person_lacks():
    person = a_subscriber(name="", attributes={"city": "Pune"})
    template = MessageTemplate(name="daily_update", language="en")

    bubble = preview.draw(template, FORM, {**GOOD, "body-1": "{city}"}, person)

    assert bubble.body == "Good morning -.<br><strong>Today:</strong> Pune"
    assert bubble.empty == ("name",)
