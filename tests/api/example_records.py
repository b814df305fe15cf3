"""Creates the records that the examples of the OpenAPI document refer to."""

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

EXAMPLE_TIME = "2026-11-24T09:00:00+05:30"
BODY = {"type": "BODY", "text": "Good morning {{1}}. {{2}}"}


@pytest.fixture
def example_records(db: None) -> Iterator[None]:
    """A phone number, message templates 3 and 4, and the day's approved content 87."""
    with time_machine.travel(EXAMPLE_TIME, tick=True):
        builders.a_number()
        template = builders.a_template(id=3, components=[BODY])
        builders.a_template(id=4, components=[BODY, {"type": "HEADER", "format": "IMAGE"}])
        values = {"body_variables": ["{name}", "x"], "message_template": template}
        builders.an_approved_content(id=87, day=date(2026, 11, 24), **values)
        reset_sequences()
        yield


def reset_sequences() -> None:
    """Let PostgreSQL's sequences continue after the explicit ids."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [Content, MessageTemplate]):
            cursor.execute(statement)


def request_arguments(kind: str, value: Any) -> dict[str, Any]:
    """The arguments of a client's request that sends this example as this media type."""
    if kind == "multipart/form-data":
        file = SimpleUploadedFile("people.csv", value["file"].encode())
        return {"data": {**value, "file": file}, "format": "multipart"}
    if kind == "application/json":
        return {"data": value, "format": "json"}
    query = {"consent_source": "Sign-up form of November"}
    return {"data": value.encode(), "content_type": kind, "query_params": query}
