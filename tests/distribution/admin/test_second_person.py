"""Approval takes two persons: an API token makes nobody a second one (finding M1)."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from distribution.access import tokens
from distribution.admin.content import shown
from distribution.models import Content, ContentState
from subscribers.admin import shown_version
from tests.api.tokens import a_key
from tests.distribution.content_staff import a_plain_template, browser, page, step
from tests.distribution.staff import a_member

pytestmark = pytest.mark.django_db
QUEUE = reverse("admin:distribution_content_queue")


@pytest.fixture(params=["Administrator", "superuser"])
def maker(request):
    member = a_member("Administrator", "boss")
    member.is_superuser = request.param == "superuser"
    member.save()
    return member


def submitted_by_token_of(maker, editor, day) -> Content:
    now = timezone.now()
    _, key = tokens.issue("crm", ["content"], user=editor, by=maker, expires_at=None, now=now)
    body = {
        "title": "The day ahead",
        "day": day.isoformat(),
        "message_template": a_plain_template().pk,
        "body_variables": ["{name}", "Nifty opens flat"],
    }
    answer = browser(editor).post(
        "/api/distribution/content/submit",
        body,
        content_type="application/json",
        headers={**a_key(), "Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 201, answer.content
    return Content.objects.get(pk=answer.json()["id"])


def decide(client, content: Content, name: str):
    mark = {shown_version.FIELD: shown_version.seal(shown.of(content))}
    return client.post(step(content, name), {**mark, "reason": "It is fine."})


def test_who_made_the_token_is_no_second_person_for_what_came_by_it(day, maker):
    editor, approver = a_member("Editor", "asha"), a_member("Approver", "ravi")
    content = submitted_by_token_of(maker, editor, day)
    client = browser(maker)

    for name in ("approve", "reject"):
        answer = decide(client, content, name)
        said = [str(message) for message in get_messages(answer.wsgi_request)][-1]
        assert "API token you created" in said
        content.refresh_from_db()
        assert content.state == ContentState.SUBMITTED
    shown_page = client.get(page(content)).content.decode()
    assert ">Approve</button>" not in shown_page
    assert "someone else must approve" in shown_page
    assert "with the API token crm created by boss" in shown_page
    assert "You worked on this" in client.get(QUEUE).content.decode()

    decide(browser(approver), content, "approve")
    content.refresh_from_db()
    assert content.state == ContentState.APPROVED


def test_not_even_once_the_token_is_revoked_or_another_person_edited_it(day, maker):
    content = submitted_by_token_of(maker, a_member("Editor", "asha"), day)
    tokens.revoke(content.approvals.exclude(token=None)[0].token_id, now=timezone.now())
    decide(browser(a_member("Approver", "ravi")), content, "reject")
    content.refresh_from_db()
    other = browser(a_member("Editor", "uma"))
    mark = {shown_version.FIELD: shown_version.seal(shown.of(content))}
    words = {"fields_of": content.message_template_id, "body-0": "{name}", "body-1": "Nifty rises"}
    form = {
        "message_template": content.message_template_id,
        "title": "Mended",
        "day": content.day.isoformat(),
    }
    other.post(page(content), {**mark, **form, **words})
    other.post(step(content, "submit"))
    content.refresh_from_db()
    assert (content.state, content.title) == (ContentState.SUBMITTED, "Mended")

    decide(browser(maker), content, "approve")

    content.refresh_from_db()
    assert content.state == ContentState.SUBMITTED
