"""Submit saves what is typed; a submission is withdrawn, commented on, compared and copied."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from distribution.content import approval, comparison, submission
from distribution.content.approval import ApprovalError
from distribution.models import Content, ContentState, Decision
from tests.builders import a_draft, an_approved_content
from tests.distribution.admin.test_content import ADD, QUEUE, said, seen, submitted, take, words
from tests.distribution.content_staff import (
    APPROVER,
    EDITOR,
    a_plain_template,
    a_staff_member,
    browser,
    page,
    step,
)

pytestmark = pytest.mark.django_db


def shown(client, content) -> str:
    return client.get(page(content)).content.decode()


def test_a_new_content_is_written_and_submitted_by_one_post(day):
    editor, template = a_staff_member(*EDITOR), a_plain_template()
    response = browser(editor).post(ADD, words(template, day, _submit="1"))
    content = Content.objects.get()
    assert response.status_code == 302
    assert said(response) == ["“Budget day” submitted for review."]
    assert (content.state, content.body_variables[1]) == ("SUBMITTED", "Nifty opens flat")
    decisions = list(content.approvals.values_list("decision", flat=True))
    assert decisions == ["EDITED", "SUBMITTED"]


def test_submit_submits_what_is_typed_not_what_was_saved(day):
    client, template = browser(a_staff_member(*EDITOR)), a_plain_template()
    client.post(ADD, words(template, day, _save=""))
    content = Content.objects.get()
    typed = words(template, day, **{"body-1": "NEW TEXT", "_submit": "1"})
    client.post(page(content), seen(client, content, **typed))
    content.refresh_from_db()
    assert (content.state, content.body_variables[1]) == ("SUBMITTED", "NEW TEXT")


def test_what_cannot_be_submitted_yet_is_saved_and_says_why(day):
    client, template = browser(a_staff_member(*EDITOR)), a_plain_template()
    response = client.post(ADD, words(template, day, **{"body-1": "", "_submit": "1"}))
    content = Content.objects.get()
    assert (content.state, content.body_variables) == ("DRAFT", ["{name}", ""])
    assert said(response)[0].startswith("“Budget day” saved as a draft, but not submitted:")
    assert "Variable 2: Enter a value" in shown(client, content)


def test_only_the_author_withdraws_and_only_before_the_decision(day):
    author, other = a_staff_member(*EDITOR), a_staff_member(*EDITOR)
    content = submitted(day, author)
    assert step(content, "withdraw") not in shown(browser(other), content)
    response = take(browser(other), content, "withdraw")
    assert said(response) == ["Only the author can withdraw a submission."]
    response = take(browser(author), content, "withdraw")
    content.refresh_from_db()
    assert (content.state, content.submitted_at) == ("DRAFT", None)
    assert content.approvals.latest("pk").decision == Decision.WITHDRAWN
    response = take(browser(author), content, "withdraw")
    assert said(response) == ["Only content that is waiting for review can be withdrawn."]


def test_an_approval_of_a_withdrawn_content_shows_it_again(day):
    content, approver = submitted(day), browser(a_staff_member(*APPROVER))
    old = seen(approver, content, reason="Good.")
    take(browser(content.author), content, "withdraw")
    assert approver.post(step(content, "approve"), old).status_code == 409
    content.refresh_from_db()
    assert content.state == ContentState.DRAFT


def test_comments_decide_nothing_and_are_for_those_who_write_or_decide(day):
    content, approver = submitted(day), browser(a_staff_member(*APPROVER))
    response = approver.post(step(content, "comment"), {"reason": "Which figure is it?"})
    content.refresh_from_db()
    assert said(response) == ["Comment added."]
    assert (content.state, content.version) == ("SUBMITTED", 2)
    assert "Which figure is it?" in shown(browser(content.author), content)
    viewer = browser(a_staff_member("view_content"))
    assert viewer.post(step(content, "comment"), {"reason": "x"}).status_code == 403
    assert "Add comment" not in shown(viewer, content)
    assert said(approver.post(step(content, "comment"), {"reason": " "}))[-1] == "Enter a comment."


def test_a_new_version_is_shown_next_to_the_one_it_replaces(day):
    old = an_approved_content(day=day, message_template=a_plain_template())
    new = approval.new_version(old, by=a_staff_member(*EDITOR), now=timezone.now())
    approval.edit(
        new, by=new.author, now=timezone.now(), body_variables=["{name}", "Nifty opens higher <b>"]
    )
    approval.submit(new, by=new.author, now=timezone.now())
    html = shown(browser(a_staff_member(*APPROVER)), new)
    assert "Nifty opens <del>flat</del>" in html
    assert "Nifty opens <ins>higher &lt;b&gt;</ins>" in html
    rows = {row.label: row.differs for row in comparison.with_current(new).rows}
    assert [label for label, differs in rows.items() if differs] == ["Variable 2"]


def test_two_contents_for_one_day_are_announced_on_both_and_in_the_queue(day):
    one, other = submitted(day), submitted(day)
    approver = browser(a_staff_member(*APPROVER))
    for content, rival in ((one, other), (other, one)):
        html = shown(approver, content)
        assert "There is another content for this day" in html
        assert page(rival) in html
    assert approver.get(QUEUE).content.decode().count("Another content for this day") == 2
    assert "There is another content" not in shown(approver, submitted(day + timedelta(days=1)))


def test_after_a_decision_the_next_of_the_queue_is_offered(day):
    first, second = submitted(day), submitted(day + timedelta(days=1))
    user = a_staff_member(*APPROVER)
    submitted(day, author=user)  # one's own is not offered
    approver = browser(user)
    take(approver, first, "approve", reason="Good.")
    html = shown(approver, first)
    assert "Review next" in html
    assert page(second) in html
    take(approver, second, "reject", reason="Wrong.")
    assert "Review next" not in shown(approver, second)


def test_a_copy_is_a_draft_for_the_next_day_without_content(day):
    today = timezone.localdate()
    an_approved_content(day=today + timedelta(days=1))
    old = an_approved_content(day=today, message_template=a_plain_template())
    editor = a_staff_member(*EDITOR)
    response = browser(editor).post(step(old, "duplicate"))
    copy = Content.objects.latest("pk")
    assert response["Location"] == page(copy)
    assert (copy.state, copy.author, copy.day) == ("DRAFT", editor, today + timedelta(days=2))
    assert copy.replaces is None
    assert copy.body_variables == old.body_variables
    chosen = (today + timedelta(days=9)).isoformat()
    browser(editor).post(step(old, "duplicate"), {"day": chosen})
    assert Content.objects.latest("pk").day.isoformat() == chosen
    assert browser(a_staff_member(*APPROVER)).post(step(old, "duplicate")).status_code == 403


def test_the_form_shows_the_template_with_its_gaps_and_offers_the_placeholders(day):
    a_plain_template()
    html = browser(a_staff_member(*EDITOR)).get(ADD).content.decode()
    assert "Good morning <mark>Variable 1</mark>" in html
    assert 'data-insert="{name}" data-into="id_body-1"' in html


def test_withdrawing_needs_the_text_that_was_read():
    content = a_draft(message_template=a_plain_template())
    approval.submit(content, by=content.author, now=timezone.now())
    stale = Content.objects.get(pk=content.pk)
    Content.objects.filter(pk=content.pk).update(state="APPROVED")
    with pytest.raises(ApprovalError, match="waiting for review"):
        submission.withdraw(stale, by=content.author, now=timezone.now())


def test_the_queue_has_words_when_it_is_empty():
    html = browser(a_staff_member(*APPROVER)).get(QUEUE).content.decode()
    assert "Nothing to review" in html
    assert reverse("admin:distribution_content_calendar") in html


def test_the_calendar_copies_the_latest_content_to_a_day_without(day):
    today = timezone.localdate()
    old = an_approved_content(day=today, title="The latest", message_template=a_plain_template())
    empty = today + timedelta(days=3)
    calendar = reverse("admin:distribution_content_calendar") + f"?month={empty:%Y-%m}"
    client = browser(a_staff_member(*EDITOR))
    html = client.get(calendar).content.decode()
    assert step(old, "duplicate") in html
    assert f'name="day" value="{empty.isoformat()}"' in html
    client.post(step(old, "duplicate"), {"day": empty.isoformat()})
    assert Content.objects.latest("pk").day == empty
    viewer = browser(a_staff_member("view_content"))
    assert step(old, "duplicate") not in viewer.get(calendar).content.decode()
