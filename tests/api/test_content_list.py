"""The list of content: every state, by state, kind and send date."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests import builders
from tests.api.tokens import a_program

pytestmark = pytest.mark.django_db
LIST = "/api/distribution/content"


def ids(**query: Any) -> list[int]:
    answer = a_program("content").get(LIST, query)
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_content_is_listed_by_state_kind_and_send_date(
    django_assert_max_num_queries: Any,
) -> None:
    today = timezone.localdate()
    draft = builders.a_draft(day=today + timedelta(days=1))
    approved = builders.an_approved_content(day=today + timedelta(days=2))
    fallback = builders.an_approved_content(day=None, is_fallback=True)
    assert ids() == [fallback.pk, approved.pk, draft.pk]
    assert ids(state="DRAFT") == [draft.pk]
    assert ids(is_fallback="true") == [fallback.pk]
    assert ids(is_fallback="false") == [approved.pk, draft.pk]
    assert ids(since=approved.day.isoformat()) == [approved.pk]
    assert ids(until=draft.day.isoformat()) == [draft.pk]
    client = a_program("content")
    with django_assert_max_num_queries(6):  # three are the token's, one is the stamp
        client.get(LIST)


def test_what_no_content_has_is_refused() -> None:
    for query in ({"state": "NONE"}, {"is_fallback": "yes"}, {"since": "tomorrow"}, {"day": "x"}):
        assert a_program("content").get(LIST, query).status_code == 400, query
