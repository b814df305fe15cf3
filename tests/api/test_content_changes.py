"""Content that a program withdraws or replaces, and two submissions for one day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from distribution.content import approval
from distribution.models import Content, ContentState
from tests.api.tokens import a_key, a_program
from tests.builders import a_user, an_approved_content
from tests.distribution.content_staff import a_plain_template
from tests.distribution.staff import a_member

pytestmark = pytest.mark.django_db
URL = "/api/distribution/content"


def texts(**fields: Any) -> dict[str, Any]:
    return {
        "title": "The day ahead",
        "message_template": a_plain_template().pk,
        "body_variables": ["{name}", "Nifty opens flat"],
        **fields,
    }


def submit(client: Any, days: int = 3, **fields: Any) -> dict[str, Any]:
    day = (timezone.localdate() + timedelta(days=days)).isoformat()
    answer = client.post(f"{URL}/submit", texts(day=day, **fields), headers=a_key())
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def replace(client: Any, pk: int, **fields: Any) -> Any:
    return client.post(f"{URL}/{pk}/replace", texts(**fields), headers=a_key())


def approve(pk: int) -> None:
    content = Content.objects.get(pk=pk)
    approval.approve(content, by=a_user(), now=timezone.now(), reason="In time.")


def test_a_submission_is_withdrawn_by_its_author_only_and_twice_is_no_error() -> None:
    client = a_program("content")
    pk = submit(client)["id"]
    other = a_program("content").post(f"{URL}/{pk}/withdraw")
    assert (other.status_code, other.json()["code"]) == (409, "content_refused")
    for _ in range(2):
        answer = client.post(f"{URL}/{pk}/withdraw")
        assert (answer.status_code, answer.json()["state"]) == (200, "DRAFT")
    decisions = [one["decision"] for one in answer.json()["decisions"]]
    assert decisions == ["EDITED", "SUBMITTED", "WITHDRAWN"]


def test_what_is_decided_cannot_be_withdrawn() -> None:
    client = a_program("content")
    pk = submit(client)["id"]
    approve(pk)
    answer = client.post(f"{URL}/{pk}/withdraw")
    assert (answer.status_code, answer.json()["code"]) == (409, "content_refused")
    assert Content.objects.get().state == ContentState.APPROVED


def test_a_submission_is_replaced_in_its_place() -> None:
    client = a_program("content")
    pk = submit(client)["id"]
    told = replace(client, pk, body_variables=["{name}", "Nifty opens high"]).json()
    assert (told["id"], told["state"]) == (pk, "SUBMITTED")
    assert told["body_variables"][1] == "Nifty opens high"
    assert Content.objects.count() == 1


def test_approved_content_stays_until_its_new_version_is_approved() -> None:
    client = a_program("content")
    pk = submit(client)["id"]
    approve(pk)
    told = replace(client, pk, title="Corrected").json()
    assert told["id"] != pk
    assert (told["state"], told["findings"]) == ("SUBMITTED", [])
    assert Content.objects.get(pk=pk).state == ContentState.APPROVED
    answer = replace(client, pk)
    assert (answer.status_code, answer.json()["code"]) == (409, "content_refused")
    approve(told["id"])
    assert Content.objects.get(pk=pk).state == ContentState.REPLACED


def test_wrong_texts_change_nothing_and_are_named_by_their_path() -> None:
    client = a_program("content")
    pk = submit(client)["id"]
    answer = replace(client, pk, body_variables=["{name}", ""])
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "body_variables.1")
    answer = replace(client, pk, body_variables=["{nick}", "two\nlines"])
    assert {one["field"] for one in answer.json()["errors"]} == {
        "body_variables.0",
        "body_variables.1",
    }
    content = Content.objects.get()
    assert (content.state, content.body_variables[1]) == ("SUBMITTED", "Nifty opens flat")


def test_who_made_the_token_cannot_approve_what_it_replaced() -> None:
    owner = a_member("Editor", "asha")
    client = a_program("content", user=owner)
    old = an_approved_content(day=timezone.localdate() + timedelta(days=3))
    told = replace(client, old.pk).json()
    new = Content.objects.get(pk=told["id"])
    assert all(row.token is not None for row in new.approvals.all())
    with pytest.raises(approval.ApprovalError):
        approval.approve(new, by=owner, now=timezone.now(), reason="own")


def test_a_second_submission_for_a_day_says_so() -> None:
    client = a_program("content")
    first = submit(client)
    assert first["findings"] == []
    second = submit(client, title="Results season")
    (finding,) = second["findings"]
    assert (finding["rule"], finding["blocking"]) == ("same_day", False)
    assert f"Content {first['id']}" in finding["message"]
    assert submit(client, days=4)["findings"] == []
    assert len(client.get(first["url"]).json()["findings"]) == 1


def test_a_title_keeps_no_invisible_characters() -> None:
    assert submit(a_program("content"), title="The\u202e day \u200bahead")["title"] == (
        "The day ahead"
    )
