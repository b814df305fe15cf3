"""What a message template has to be given: equal signatures take the same content. Pure."""

from __future__ import annotations

import json

from distribution.content import template_schema
from distribution.content.template_schema import BODY, HEADER
from distribution.models import MessageTemplate


def of(template: MessageTemplate) -> str:
    """Language, category, header, the variables of each part and the buttons, in one text.

    The words around the variables do not count: they are what a better version changes.
    """
    schema = template_schema.parse(template.components)
    return json.dumps(
        {
            "known": schema.known,
            "language": template.language,
            "category": template.category,
            "header": schema.header,
            "header variables": [slot.name for slot in schema.of(HEADER)],
            "body variables": [slot.name for slot in schema.of(BODY)],
            # Only an address with a variable is given a value; its place is in the message.
            "addresses": [slot.place for slot in schema.slots if slot.part == "button"],
        }
    )
