"""The house that the document's examples speak of, on their morning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management.color import no_style
from django.db import connection

from distribution.models import Content, MessageTemplate
from tests import builders

MORNING = "2026-11-24T09:00:00+05:30"
BODY = {"type": "BODY", "text": "Good morning {{1}}. {{2}}"}


@pytest.fixture
def example_house(db: None) -> Iterator[None]:
    """A phone number, message template 3 and the day's approved content 87."""
    with time_machine.travel(MORNING, tick=True):
        builders.a_number()
        template = builders.a_template(id=3, components=[BODY])
        words = {"body_variables": ["{name}", "x"], "message_template": template}
        builders.an_approved_content(id=87, day=date(2026, 11, 24), **words)
        go_on_from_there()
        yield


def go_on_from_there() -> None:
    """PostgreSQL counts on from wherever it was: it would come to these ids by itself."""
    with connection.cursor() as cursor:
        for reset in connection.ops.sequence_reset_sql(no_style(), [Content, MessageTemplate]):
            cursor.execute(reset)


def as_sent(kind: str, value: Any) -> dict[str, Any]:
    """An example of a body of this kind, as the client takes it."""
    if kind == "multipart/form-data":
        file = SimpleUploadedFile("people.csv", value["file"].encode())
        return {"data": {**value, "file": file}, "format": "multipart"}
    if kind == "application/json":
        return {"data": value, "format": "json"}
    told = {"consent_source": "Sign-up form of November"}
    return {"data": value.encode(), "content_type": kind, "query_params": told}
