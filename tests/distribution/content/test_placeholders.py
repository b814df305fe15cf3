"""What a content may name can be written, and what may be written can be sent."""

from __future__ import annotations

import pytest

from distribution.content import rendering, template_schema, validation
from distribution.models import Content, MessageTemplate
from subscribers.models import Subscriber
from tests.builders import a_subscriber
from tests.distribution.content_staff import PLAIN
from tests.subscribers.imports import run

pytestmark = pytest.mark.django_db
TITLES = ["मोबाइल", "नाम", "शहर", "R&D", "Ward No. (old)", "2nd Name", "City/Town", "É-tag", "2024"]


def test_every_column_of_a_list_can_be_written_and_is_filled_in():
    """P8"""
    run(",".join(TITLES) + "\n9820002001,आशा,पुणे,lab,7,Rao,Hadapsar,x,y\n")
    person = Subscriber.objects.get()
    names = validation.attribute_names()
    schema = template_schema.parse(PLAIN)

    assert names == sorted(
        ["शहर", "r_d", "ward_no_old", "2nd_name", "city_town", "é_tag", "column_2024"]
    )
    for name in names:
        texts = {"body-0": "{name}", "body-1": f"x {{{name}}}"}
        assert validation.slot_problems(schema, texts, names) == {}
        known = rendering.personal_values(person)
        assert rendering.fill_in(f"{{{name}}}", known) == person.attributes[name]


def test_a_long_value_that_is_stored_does_not_make_a_message_too_long():
    """P9"""
    content = Content(
        message_template=MessageTemplate(components=PLAIN),
        body_variables=["{name}", "{note}" + "x" * 790],
    )
    person = a_subscriber(name="n" * 100, attributes={"note": "x" * 1_500})

    body = rendering.components(content, person)[0]

    length = len("Good morning .\n*Today:* ") + sum(len(p["text"]) for p in body["parameters"])
    assert length <= template_schema.BODY_LIMIT
    assert content.body_variables[1].startswith("{note}")
