"""Content that Meta would refuse for everybody is refused when it is submitted (cases A3, A5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from distribution.models import Content
from tests.api.tokens import a_key, a_program
from tests.builders import a_kept_file, a_template
from tests.distribution.content_staff import PLAIN, RICH, a_plain_template, a_rich_template

pytestmark = pytest.mark.django_db
SUBMIT = "/api/distribution/content/submit"
IMAGE = {"type": "image", "id": "4711"}
COUPON = {"type": "COPY_CODE", "text": "Copy", "example": "SAVE25"}


@pytest.fixture(autouse=True)
def picture(db: Any) -> None:
    a_kept_file(IMAGE["id"])


def submit(template: Any, **fields: Any) -> Any:
    body = {
        "title": "The day ahead",
        "day": (timezone.localdate() + timedelta(days=1)).isoformat(),
        "message_template": template.pk,
        "body_variables": ["{name}", "Nifty opens flat"],
        **fields,
    }
    return a_program("content").post(SUBMIT, body, headers=a_key())


def refusals(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert not Content.objects.exists()
    return [(one["field"], one["detail"]) for one in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ([{"type": "HEADER", "format": "LOCATION"}], "a LOCATION header"),
        ([{"type": "HEADER", "format": "GIF"}], "a GIF header"),
        ([{"type": "CAROUSEL", "cards": []}], "a CAROUSEL part"),
        ([{"type": "LIMITED_TIME_OFFER"}], "a LIMITED_TIME_OFFER part"),
        ([{"type": "call_permission_request"}], "a CALL_PERMISSION_REQUEST part"),
        ([{"type": "BUTTONS", "buttons": [COUPON]}], "a COPY_CODE button (button 1)"),
        *(
            (
                [{"type": "BUTTONS", "buttons": [{"type": kind, "text": "Open"}]}],
                f"a {kind} button (button 1)",
            )
            for kind in ("CATALOG", "MPM", "SPM", "FLOW", "ORDER_DETAILS", "OTP", "NEWS")
        ),
        ([{"type": "HEADER", "text": "{{1}} and {{2}}"}], "a headline with several variables"),
    ],
)
def test_a_template_with_a_part_that_cannot_be_filled_in_is_refused(parts, named):
    """Case A3: 300 of 300 failed with 132000 for a LOCATION header."""
    found = refusals(submit(a_template(components=[*parts, *PLAIN])))

    sentence = f"The message template has {named}, which can't be filled in. Choose another one."
    assert found == [("message_template", sentence)]


def test_a_template_for_one_time_codes_is_refused():
    template = a_plain_template(category="AUTHENTICATION")

    assert refusals(submit(template)) == [
        (
            "message_template",
            "The message template has a one-time code, which can't be filled in. "
            "Choose another one.",
        )
    ]


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        (
            {"body_variables": ["{name}", "flat", "extra"]},
            "body_variables.2",
            "Text 3 is one too many. The body of the message template takes 2. Leave it out.",
        ),
        ({"body_variables": ["{name}"]}, "body_variables.1", "Variable 2: Enter a value"),
        ({"headline": "Today"}, "headline", "no headline with a variable. Leave it out"),
        ({"media": IMAGE}, "media", "no image above the text. Leave it out"),
        ({"button_variables": {"0": "a"}}, "button_variables.0", "Button '0' takes no text"),
    ],
)
def test_values_without_a_place_and_places_without_a_value_are_named(fields, field, words):
    """Case A5: 327 of 327 failed with 132000 for one text too many."""
    ((where, sentence),) = refusals(submit(a_plain_template(), **fields))

    assert where == field
    assert words in sentence


@pytest.mark.parametrize("index", ["0", "2", "7", "abc", "01", "-1", "1.0", ""])
def test_only_a_button_with_a_variable_address_takes_a_text(index):
    """Case A5: RICH has a quick reply at 0 and the only variable address at 1."""
    values = {"1": "today", index: "a"}

    (found,) = refusals(submit(a_rich_template(), media=IMAGE, button_variables=values))

    assert found == (
        f"button_variables.{index}",
        f"Button {index!r} takes no text. Leave it out. Counted from 0, these do: 1.",
    )


def test_a_fixed_address_takes_no_text():
    fixed = [{"type": "URL", "text": "Read on", "url": "https://example.com/today"}]
    template = a_template(components=[*PLAIN, {"type": "BUTTONS", "buttons": fixed}])

    (found,) = refusals(submit(template, button_variables={"0": "a"}))

    assert found == (
        "button_variables.0",
        "Button '0' takes no text. Leave it out. No button does.",
    )


@pytest.mark.parametrize(
    "above", [{"headline": "Today"}, {"media": {"type": "video", "id": "4711"}}, {}]
)
def test_media_of_another_kind_is_refused(above):
    answer = submit(a_rich_template(), button_variables={"1": "today"}, **above)

    assert ("media", "Upload the image shown above the text.") in refusals(answer)


def test_a_fixed_headline_takes_no_text():
    template = a_template(components=[{"type": "HEADER", "format": "TEXT", "text": "Hi"}, *PLAIN])

    ((field, _),) = refusals(submit(template, headline="Today"))

    assert field == "headline"


def test_everything_that_is_wrong_is_told_at_once():
    values = {"1": "to day", "7": "a"}
    answer = submit(a_rich_template(), body_variables=["{nick}"], button_variables=values)

    assert [field for field, _ in refusals(answer)] == [
        "body_variables.0",
        "body_variables.1",
        "button_variables.1",
        "button_variables.7",
        "media",
    ]


def test_a_template_whose_buttons_need_nothing_is_accepted():
    buttons = [
        {"type": "QUICK_REPLY", "text": "Thanks"},
        {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+911234567890"},
        {"type": "URL", "text": "Read on", "url": "https://example.com/today"},
    ]
    template = a_template(
        components=[
            *PLAIN,
            {"type": "FOOTER", "text": "Bye"},
            {"type": "BUTTONS", "buttons": buttons},
        ]
    )

    assert submit(template).status_code == 201
    assert RICH[1] in template.components
