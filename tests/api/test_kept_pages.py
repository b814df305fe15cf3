"""Pages that are kept in memory are never stale."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from distribution.models import MessageTemplate
from tests.api.tokens import a_program
from tests.builders import a_template

pytestmark = pytest.mark.django_db
URL = "/api/distribution/templates"


def shown(**query: str) -> list[dict[str, Any]]:
    answer = a_program("read").get(URL, query)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def test_a_page_asked_for_again_does_not_read_components():
    a_template(components=[{"type": "BODY", "text": "Good morning"}])
    first = shown()
    with CaptureQueriesContext(connection) as asked:
        assert shown() == first

    assert not [one["sql"] for one in asked if '"components"' in one["sql"]]


def test_a_change_is_seen_at_once_however_it_was_made():
    template = a_template(name="one")
    assert [row["status"] for row in shown()] == ["APPROVED"]

    MessageTemplate.objects.filter(pk=template.pk).update(status="PAUSED")
    assert [row["status"] for row in shown()] == ["PAUSED"]
    a_template(name="two")
    assert [row["name"] for row in shown()] == ["one", "two"]
    template.delete()
    assert [row["name"] for row in shown()] == ["two"]


def test_each_question_has_its_own_answer():
    a_template(name="one")
    a_template(name="two", status="PAUSED")

    assert [row["name"] for row in shown(status="PAUSED")] == ["two"]
    assert [row["name"] for row in shown(status="APPROVED")] == ["one"]
    assert len(shown()) == 2


def test_who_may_not_read_gets_nothing_from_memory():
    a_template()
    shown()

    assert a_program("content").get(URL).status_code == 403
    assert a_program().get(URL).status_code == 401
