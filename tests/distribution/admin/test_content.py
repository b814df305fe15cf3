from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.urls import reverse

from distribution.admin.content import shown
from distribution.content import approval
from distribution.models import Content, ContentState, Delivery
from subscribers.admin import shown_version
from tests.builders import a_subscriber, an_approved_content
from tests.distribution.content_staff import (
    APPROVER,
    EDITOR,
    PLAIN,
    VIEWER,
    a_plain_template,
    a_rich_template,
    a_staff_member,
    browser,
    page,
    step,
)

pytestmark = pytest.mark.django_db
ADD = reverse("admin:distribution_content_add")
CALENDAR = reverse("admin:distribution_content_calendar")
QUEUE = reverse("admin:distribution_content_queue")
LIST = reverse("admin:distribution_content_changelist")
PREVIEW = reverse("admin:distribution_content_preview")
FIELDS = reverse("admin:distribution_content_fields")


def words(template, day, **more):
    return {
        "message_template": template.pk,
        "fields_of": template.pk,
        "title": "Budget day",
        "day": day.isoformat(),
        "body-0": "{name}",
        "body-1": "Nifty opens flat",
        **more,
    }


def take(client, content: Content, name: str, **typed):
    """A step from the page as it is now."""
    return client.post(step(content, name), seen(client, content, **typed))


def seen(client, content: Content, **typed):
    """What a form of the content's page posts: the version it displays, and what is typed."""
    assert client.get(page(content)).status_code == 200
    stored = Content.objects.get(pk=content.pk)
    return {shown_version.FIELD: shown_version.seal(shown.of(stored)), **typed}


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def written(day, author, **fields) -> Content:
    return approval.write(
        by=author,
        now=datetime.now(UTC),
        title="The day ahead",
        day=day,
        message_template=a_plain_template(),
        body_variables=["{name}", "Nifty opens flat"],
        **fields,
    )


def submitted(day, author=None) -> Content:
    content = written(day, author or a_staff_member(*EDITOR))
    approval.submit(content, by=content.author, now=datetime.now(UTC))
    return content


def test_the_whole_way_of_a_content_by_two_people(day):
    editor, approver, template = (
        a_staff_member(*EDITOR),
        a_staff_member(*APPROVER),
        a_plain_template(),
    )

    browser(editor).post(ADD, words(template, day))
    content = Content.objects.get()
    browser(editor).post(step(content, "submit"))
    assert content.title in browser(approver).get(QUEUE).content.decode()
    take(browser(approver), content, "reject", reason="Too short.")
    client = browser(editor)
    better = words(template, day, **{"body-1": "Nifty opens higher"})
    client.post(page(content), seen(client, content, **better))
    browser(editor).post(step(content, "submit"))
    take(browser(approver), content, "approve", reason="Good.")

    content.refresh_from_db()
    assert content.state == ContentState.APPROVED
    assert content.body_variables == ["{name}", "Nifty opens higher"]
    assert list(content.approvals.values_list("decision", "by", "reason")) == [
        ("EDITED", editor.pk, ""),
        ("SUBMITTED", editor.pk, ""),
        ("REJECTED", approver.pk, "Too short."),
        ("EDITED", editor.pk, ""),
        ("SUBMITTED", editor.pk, ""),
        ("APPROVED", approver.pk, "Good."),
    ]
    assert "Too short." in browser(editor).get(page(content)).content.decode()
    assert LogEntry.objects.filter(change_message__contains='"act": "approve"').count() == 1


def test_the_author_cannot_approve_even_with_every_permission(day):
    author = a_staff_member(*EDITOR, *APPROVER, "approve_late_content")
    content = submitted(day, author)

    response = take(browser(author), content, "approve", reason="I like it.")

    assert said(response) == ["You wrote this, so someone else must decide."]
    content.refresh_from_db()
    assert content.state == ContentState.SUBMITTED
    shown = browser(author).get(page(content)).content.decode()
    assert "someone else must approve" in shown
    assert ">Approve</button>" not in shown


STEPS = ["submit", "approve", "reject", "new-version", "choose-fallback", "test"]


@pytest.mark.parametrize("name", STEPS)
def test_a_viewer_takes_no_step(day, name):
    content = submitted(day)

    assert browser(a_staff_member(*VIEWER)).post(step(content, name)).status_code == 403
    assert content.approvals.count() == 2


@pytest.mark.parametrize("name", STEPS)
def test_no_step_is_taken_by_looking(day, name):
    everything = a_staff_member(*EDITOR, *APPROVER)

    assert browser(everything).get(step(submitted(day), name)).status_code == 405


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (VIEWER, {LIST: 200, CALENDAR: 200, QUEUE: 200, ADD: 403}),
        (EDITOR, {LIST: 200, CALENDAR: 200, QUEUE: 200, ADD: 200}),
        (APPROVER, {LIST: 200, CALENDAR: 200, QUEUE: 200, ADD: 403}),
        ((), {LIST: 403, CALENDAR: 403, QUEUE: 403, ADD: 403}),
    ],
    ids=["viewer", "editor", "approver", "nobody"],
)
def test_each_role_sees_its_pages(day, role, expected):
    client, content = browser(a_staff_member(*role)), submitted(day)

    assert {url: client.get(url).status_code for url in expected} == expected
    assert client.get(page(content)).status_code == (200 if role else 403)
    assert client.post(page(content), {}).status_code == 403  # submitted: nobody edits it


@pytest.mark.parametrize("url", [PREVIEW, FIELDS])
def test_the_live_pieces_are_for_those_who_write(day, url):
    data = words(a_plain_template(), day)

    assert browser(a_staff_member(*EDITOR)).post(url, data).status_code == 200
    assert browser(a_staff_member(*EDITOR)).get(url).status_code == 405
    assert browser(a_staff_member(*VIEWER)).post(url, data).status_code == 403


def test_the_form_asks_for_what_the_message_template_asks_for(day):
    template = a_rich_template()

    shown = (
        browser(a_staff_member(*EDITOR))
        .get(f"{ADD}?message_template={template.pk}")
        .content.decode()
    )

    for part in ("Variable 1", "Example: Asha.", "1,000 characters", "up to 5 MB"):
        assert part in shown, part
    for name in ("body-0", "body-1", "button-1", "media_file"):
        assert f'name="{name}"' in shown, name


def test_another_message_template_shows_its_fields_and_saves_nothing(day):
    plain, rich = a_plain_template(), a_rich_template()

    response = browser(a_staff_member(*EDITOR)).post(
        ADD, words(plain, day, message_template=rich.pk)
    )

    assert 'name="button-1"' in response.content.decode()
    assert not Content.objects.exists()


def test_the_preview_shows_a_real_subscriber_and_saves_nothing(day):
    a_subscriber(name="Meera Iyer", language="hi")
    template = a_plain_template()
    hindi = a_plain_template(
        name=template.name,
        language="hi",
        components=[{"type": "BODY", "text": "Namaste {{1}}: {{2}}"}],
    )
    data = words(template, day, **{"body-1": "<b>5</b> {city}"})

    shown = browser(a_staff_member(*EDITOR)).post(PREVIEW, data).content.decode()

    assert "Good morning Meera Iyer.<br><strong>Today:</strong> &lt;b&gt;5&lt;/b&gt;" in shown
    assert "Namaste Meera Iyer: &lt;b&gt;5" in shown
    assert f"{hindi.name} (hi)" in shown
    assert "This person has no city" in shown
    assert not Content.objects.exists()


def test_a_draft_may_be_unfinished_but_is_not_submitted(day):
    editor, template = a_staff_member(*EDITOR), a_plain_template()
    browser(editor).post(ADD, words(template, day, **{"body-1": "Hello {nmae}\nthere"}))
    content = Content.objects.get()

    response = browser(editor).post(step(content, "submit"))

    (refusal,) = said(response)
    assert "Unknown placeholder {nmae}" in refusal
    assert "Remove line breaks" in refusal
    content.refresh_from_db()
    assert content.state == ContentState.DRAFT
    assert "Unknown placeholder {nmae}" in browser(editor).get(page(content)).content.decode()


def test_after_the_deadline_only_some_approve_and_say_why(day, settings):
    content = submitted(day)
    settings.CONTENT_DEADLINE = time(0, 0)
    punctual = a_staff_member(*APPROVER)
    late = a_staff_member(*APPROVER, "approve_late_content")

    refused = take(browser(punctual), content, "approve", reason="Sorry.")
    silent = take(browser(late), content, "approve")
    assert "your role cannot approve late" in said(refused)[0]
    assert "Give a reason for" in said(silent)[0]
    content.refresh_from_db()
    assert content.state == ContentState.SUBMITTED

    take(browser(late), content, "approve", reason="The market closed late.")
    content.refresh_from_db()
    assert content.state == ContentState.APPROVED


def test_a_new_version_of_approved_content_replaces_it_when_approved(day):
    first, editor, approver = submitted(day), a_staff_member(*EDITOR), a_staff_member(*APPROVER)
    take(browser(approver), first, "approve")
    assert browser(editor).post(page(first), {}).status_code == 403

    browser(editor).post(step(first, "new-version"))
    second = first.newer_versions.get()
    client, corrected = browser(editor), words(second.message_template, day, title="Corrected")
    client.post(page(second), seen(client, second, **corrected))
    browser(editor).post(step(second, "submit"))
    assert Content.objects.approved_for(day) == first
    take(browser(approver), second, "approve")

    first.refresh_from_db()
    assert first.state == ContentState.REPLACED
    assert Content.objects.approved_for(day) == second


def test_the_calendar_shows_gaps_and_what_fills_them(day, settings):
    settings.CONTENT_DEADLINE = time(0, 0)
    month = f"{CALENDAR}?month={day:%Y-%m}"
    empty = browser(a_staff_member(*EDITOR)).get(month).content.decode()
    assert f"{ADD}?day={day.isoformat()}" in empty
    assert "<small>No content" in empty

    fallback = an_approved_content(day=None, is_fallback=True, title="A quiet morning")
    content = an_approved_content(day=day, title="Budget day")
    shown = browser(a_staff_member(*VIEWER)).get(month).content.decode()
    assert page(content) in shown
    assert page(fallback) in shown
    assert "<small>No content" not in shown
    assert "?day=" not in shown  # a viewer writes nothing


def test_the_fallback_is_chosen(day):
    older = an_approved_content(day=None, is_fallback=True)
    newer = an_approved_content(day=None, is_fallback=True)
    assert Content.objects.fallback() == newer

    take(browser(a_staff_member(*APPROVER)), older, "choose-fallback")

    assert Content.objects.fallback() == older
    assert older.approvals.last().decision == "CHOSEN"


def test_a_test_goes_to_staff_phones_only_and_makes_no_delivery(day):
    editor = a_staff_member(*EDITOR)
    content = written(day, editor)

    response = browser(editor).post(step(content, "test"), {"phone": "0"})

    assert said(response) == ["No staff phones are set up. List them in TEST_RECIPIENTS."]
    assert not Delivery.objects.exists()


def test_the_form_marks_templates_that_cannot_be_filled_in_and_submits_none(day):
    """Case A3, in the admin."""
    template = a_plain_template(components=[{"type": "HEADER", "format": "LOCATION"}, *PLAIN])
    editor = a_staff_member(*EDITOR)
    shown = browser(editor).get(ADD).content.decode()
    assert "cannot be used: a LOCATION header" in shown

    browser(editor).post(ADD, words(template, day))
    content = Content.objects.get()
    (refusal,) = said(browser(editor).post(step(content, "submit")))

    assert "can't be filled in. Choose another one" in refusal
    content.refresh_from_db()
    assert content.state == ContentState.DRAFT
