"""Edits and decisions apply to what was displayed (cases P11 and P12)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from distribution.admin.content import shown
from distribution.content import approval, template_schema
from distribution.models import Content, ContentState
from tests.builders import a_user, an_approved_content
from tests.distribution.content_staff import (
    APPROVER,
    EDITOR,
    a_plain_template,
    a_staff_member,
    browser,
    page,
    step,
)
from tests.shown_forms import form_to, form_with

pytestmark = pytest.mark.django_db
CHANGED = "This changed since you opened it"


def a_draft_of(author, day, text="VERSION ONE") -> Content:
    return approval.write(
        by=author,
        now=datetime.now(UTC),
        title="The day ahead",
        day=day,
        message_template=a_plain_template(),
        body_variables=["{name}", text],
    )


def a_submitted_one(day, text="VERSION ONE") -> Content:
    content = a_draft_of(a_staff_member(*EDITOR), day, text)
    approval.submit(content, by=content.author, now=datetime.now(UTC))
    return content


def rewritten(content: Content, text: str) -> None:
    """Rejected by a second approver, written anew and submitted again."""
    now = datetime.now(UTC)
    approval.reject(content, by=a_user(), now=now, reason="A wrong figure.")
    approval.edit(content, by=content.author, now=now, body_variables=["{name}", text])
    approval.submit(content, by=content.author, now=now)


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_nobody_decides_on_a_version_that_they_have_not_seen(day, decision):
    """Case P12: a page left open over dinner."""
    content, approver = a_submitted_one(day), browser(a_staff_member(*APPROVER))
    old = form_to(approver.get(page(content)), step(content, "approve"), reason="I read “one”.")
    rewritten(content, "VERSION TWO")

    response = approver.post(step(content, decision), old)

    shown = response.content.decode()
    assert response.status_code == 409
    for part in (CHANGED, "VERSION ONE", "VERSION TWO", "A wrong figure.", ">I read “one”.<"):
        assert part in shown, part
    content.refresh_from_db()
    assert content.state == ContentState.SUBMITTED

    again = form_to(response, step(content, "approve"))
    assert approver.post(step(content, decision), again).status_code == 302
    content.refresh_from_db()
    expected = {"approve": ContentState.APPROVED, "reject": ContentState.REJECTED}
    assert content.state == expected[decision]


def test_a_decision_that_names_no_version_is_not_taken(day):
    content, approver = a_submitted_one(day), browser(a_staff_member(*APPROVER))

    for posted in ({}, {"shown_version": "x"}, {"shown_version": "a:b:c"}):
        response = approver.post(step(content, "approve"), {**posted, "reason": "Good."})
        assert response.status_code == 409
        assert ">Good.<" in response.content.decode()

    content.refresh_from_db()
    assert content.state == ContentState.SUBMITTED


def test_the_version_of_another_content_is_none(day):
    first, second = a_submitted_one(day), a_submitted_one(day + timedelta(days=1))
    approver = browser(a_staff_member(*APPROVER))
    form = form_to(approver.get(page(first)), step(first, "approve"))

    assert approver.post(step(second, "approve"), form).status_code == 409


def test_the_wording_that_is_approved_is_the_one_that_the_approver_saw(day):
    """Meta changed the message template while the page was open."""
    content, approver = a_submitted_one(day), browser(a_staff_member(*APPROVER))
    template = content.message_template
    old = form_to(approver.get(page(content)), step(content, "approve"))
    template.components = [{"type": "BODY", "text": "Good evening {{1}}. {{2}}"}]
    template.save()

    response = approver.post(step(content, "approve"), old)

    shown = response.content.decode()
    assert response.status_code == 409
    assert "Good morning {{1}}." in shown
    assert "Good evening {{1}}. {{2}}" in shown
    approver.post(step(content, "approve"), form_to(response, step(content, "approve")))
    content.refresh_from_db()
    assert content.approved_fingerprint == template_schema.fingerprint(template.components)


def test_a_save_from_an_older_page_wipes_nothing_and_loses_no_text(day):
    """Case P11."""
    first, second = a_staff_member(*EDITOR), a_staff_member(*EDITOR, name="asha")
    content = a_draft_of(first, day, "ORIGINAL")
    his, hers = browser(first), browser(second)
    old = form_with(his.get(page(content)), "title", title="Renamed")
    hers.post(page(content), form_with(hers.get(page(content)), "title", **{"body-1": "HERS"}))

    response = his.post(page(content), old)

    shown = response.content.decode()
    assert response.status_code == 409
    for part in (CHANGED, 'value="Renamed"', "ORIGINAL", "HERS", "Edited by asha"):
        assert part in shown, part
    content.refresh_from_db()
    assert (content.title, content.body_variables) == ("The day ahead", ["{name}", "HERS"])

    again = form_with(response, "title")
    assert again["body-1"] == ["ORIGINAL"]  # what he wrote; he now knows of hers
    assert his.post(page(content), {**again, "body-1": "HERS, CORRECTED"}).status_code == 302
    content.refresh_from_db()
    assert (content.title, content.body_variables) == ("Renamed", ["{name}", "HERS, CORRECTED"])


def test_looking_at_the_preview_does_not_take_over_an_unseen_version(day):
    editor = a_staff_member(*EDITOR)
    content, client = a_draft_of(editor, day, "ORIGINAL"), browser(editor)
    old = form_with(client.get(page(content)), "title", _preview="1")
    approval.edit(content, by=a_user(), now=datetime.now(UTC), body_variables=["{name}", "HERS"])

    shown = client.post(page(content), old).content.decode()

    assert CHANGED in shown
    assert "HERS" in shown


def test_what_is_written_while_it_is_submitted_stays_readable(day):
    editor = a_staff_member(*EDITOR)
    content, client = a_draft_of(editor, day), browser(editor)
    old = form_with(client.get(page(content)), "title", **{"body-1": "AN HOUR'S WORK"})
    approval.submit(content, by=editor, now=datetime.now(UTC))

    response = client.post(page(content), old)

    assert response.status_code == 409
    shown = response.content.decode()
    assert "AN HOUR&#x27;S WORK" in shown
    assert "can no longer be saved" in shown


def test_a_change_at_the_very_moment_of_the_save_is_noticed(day, monkeypatch):
    """The comparison passed; the UPDATE still names the version."""
    editor = a_staff_member(*EDITOR)
    content, client = a_draft_of(editor, day, "ORIGINAL"), browser(editor)
    form = form_with(client.get(page(content)), "title", title="Renamed")
    compare = shown.difference

    def compare_just_before(request, shown_content):
        found = compare(request, shown_content)
        if not hers.is_set():
            hers.set()
            other = Content.objects.get(pk=content.pk)
            texts = ["{name}", "HERS"]
            approval.edit(other, by=a_user(), now=datetime.now(UTC), body_variables=texts)
        return found

    hers = Event()
    monkeypatch.setattr(shown, "difference", compare_just_before)
    response = client.post(page(content), form)

    assert response.status_code == 409
    content.refresh_from_db()
    assert (content.title, content.body_variables) == ("The day ahead", ["{name}", "HERS"])


def test_a_fallback_is_chosen_as_it_was_displayed():
    older, newer = (an_approved_content(day=None, is_fallback=True) for _ in range(2))
    approver = browser(a_staff_member(*APPROVER))
    form = form_to(approver.get(page(older)), step(older, "choose-fallback"))
    template = older.message_template
    template.components = [{"type": "BODY", "text": "Changed {{1}} {{2}}"}]
    template.save()

    assert approver.post(step(older, "choose-fallback"), form).status_code == 409
    assert Content.objects.fallback() == newer
