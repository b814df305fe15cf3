"""Who is told what: the rows that are written with a submission, a decision, an alert."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.urls import resolve

from distribution.access import tokens
from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.content import approval, submission
from distribution.engine import tick
from distribution.models import Alert, Content, Notification, Severity
from distribution.runtime import india_time
from tests.builders import a_draft, a_planned_distribution, an_approved_content
from tests.distribution.content_staff import a_plain_template, browser, step
from tests.distribution.staff import a_client, somebody

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 24)
AFTERNOON = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DEADLINE = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)  # 20:00 in India


def told(kind: str = "") -> list[tuple[str, str]]:
    """Who is told what, in the order of the names."""
    rows = Notification.objects.filter(kind__startswith=kind)
    return sorted(rows.values_list("recipient__username", "kind"))


def a_submitted(author: Any, **fields: Any) -> Content:
    content = a_draft(**{"day": DAY, "author": author, **fields})
    approval.submit(content, by=author, now=AFTERNOON)
    return content


def test_a_submission_on_the_page_is_told_to_approvers_but_not_to_its_author():
    author = somebody("Editor", "asha")
    author.groups.add(Group.objects.get(name="Approver"))
    somebody("Approver", "ravi")
    somebody("Approver", "gone", is_active=False)
    somebody("Approver", "no-address", email="")
    somebody("Viewer", "vera")
    day = india_time.local_date(datetime.now(UTC)) + timedelta(days=3)
    content = a_draft(day=day, author=author, title="Call +919812345678")
    client = browser(author)

    client.post(step(content, "submit"))

    assert told() == [("ravi", "review.waiting")]
    row = Notification.objects.get()
    assert "+919812345678" not in row.subject + row.text
    assert row.subject.startswith("Review needed: Call ")
    assert "asha submitted" in row.text
    assert "Approve it by 20:00 IST on " in row.text
    assert resolve(row.path).view_name == "admin:distribution_content_change"


def test_who_made_the_token_of_a_submission_is_not_asked_to_review_it():
    author, maker = somebody("Editor"), somebody("Administrator", "maker")
    somebody("Approver", "ravi")
    token = tokens.issue("crm", ["content"], user=author, by=maker, expires_at=None, now=AFTERNOON)
    content = a_draft(day=DAY, author=author)

    approval.submit(content, by=author, now=AFTERNOON, token=token[0])

    assert told() == [("ravi", "review.waiting")]


def test_its_author_is_told_of_the_rejection_with_the_reason_and_of_the_approval():
    author, approver = somebody("Editor", "asha"), somebody("Approver", "ravi")
    content = a_submitted(author)

    approval.reject(content, by=approver, now=AFTERNOON, reason="Call 9812345678 first.")
    approval.edit(content, by=author, now=AFTERNOON, title="Better")
    approval.submit(content, by=author, now=AFTERNOON)
    approval.approve(content, by=approver, now=AFTERNOON, reason="")

    assert told("content") == [("asha", "content.approved"), ("asha", "content.rejected")]
    rejection = Notification.objects.get(kind="content.rejected")
    assert "ravi rejected" in rejection.text
    assert "Reason: Call " in rejection.text
    assert "9812345678" not in rejection.text
    assert Notification.objects.filter(kind="review.waiting").count() == 2  # each submission


def test_a_comment_is_told_to_those_who_took_part_but_not_to_whoever_wrote_it():
    author, approver = somebody("Editor", "asha"), somebody("Approver", "ravi")
    content = a_submitted(author)
    approval.reject(content, by=approver, now=AFTERNOON, reason="No.")

    submission.comment(content, by=author, text="Which figure?", now=AFTERNOON)

    assert told("content.commented") == [("ravi", "content.commented")]
    assert "Which figure?" in Notification.objects.get(kind="content.commented").text


def test_a_decision_that_fails_tells_nobody():
    author = somebody("Editor")
    content = a_submitted(author)

    with pytest.raises(approval.ApprovalError):
        approval.approve(content, by=author, now=AFTERNOON)

    assert told() == []


def test_each_person_chooses_what_they_get():
    author, approver = somebody("Editor", "asha"), somebody("Approver", "ravi")
    choices = "/admin/distribution/notification/choices/"
    client = browser(approver)
    shown = client.get(choices).content.decode()
    assert shown.count('type="checkbox"') == shown.count(" checked") == 6

    client.post(choices, {"kind": ["content.not_ready", "no.such", "content.approved"]})

    shown = client.get(choices).content.decode()
    assert (shown.count('type="checkbox"'), shown.count(" checked")) == (6, 1)
    a_submitted(author)
    assert told() == []


def test_a_viewer_has_nothing_to_choose():
    shown = a_client("Viewer").get("/admin/distribution/notification/choices/").content.decode()

    assert "nothing to be notified about" in shown


@pytest.fixture
def evening(settings: Any) -> None:
    settings.CONTENT_DEADLINE = time(20)


@pytest.mark.usefixtures("evening")
def test_nothing_approved_by_the_deadline_is_told_once_to_writers_and_approvers():
    somebody("Editor", "asha")
    somebody("Approver", "ravi")
    somebody("Operator", "omar")

    tick.check(DEADLINE - timedelta(seconds=1))
    assert told() == []
    tick.check(DEADLINE)
    tick.check(DEADLINE + timedelta(minutes=5))

    assert told() == [("asha", "content.not_ready"), ("ravi", "content.not_ready")]
    row = Notification.objects.first()
    assert row.subject == "Nothing can be sent on Tue 24 Nov"
    assert resolve(row.path.partition("?")[0]).view_name == "admin:distribution_content_calendar"


@pytest.mark.usefixtures("evening")
def test_a_warning_that_becomes_critical_is_told_again():
    somebody("Approver", "ravi")
    fallback = an_approved_content(
        day=None, is_fallback=True, title="Quiet", message_template=a_plain_template()
    )
    Notification.objects.all().delete()
    tick.check(DEADLINE)
    subjects = Notification.objects.filter(kind="content.not_ready").values_list(
        "subject", flat=True
    )
    assert list(subjects) == ["Content for Tue 24 Nov needs attention"]

    Content.objects.filter(pk=fallback.pk).update(state="REPLACED")
    for minute in (2, 4):
        tick.check(DEADLINE + timedelta(minutes=minute))

    assert list(subjects.all()) == [
        "Nothing can be sent on Tue 24 Nov",
        "Content for Tue 24 Nov needs attention",
    ]
    assert Alert.objects.get(rule="content_not_ready").severity == "CRITICAL"


def test_a_distribution_that_cannot_start_is_told_once_however_often_it_is_found_blocked():
    somebody("Operator", "omar")
    somebody("Approver", "ravi")
    somebody("Viewer", "vera")
    six = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
    blocked = a_planned_distribution(six)

    for second in (0, 15, 30):
        tick.check(six + timedelta(seconds=second))
    incidents.close_alert(AlertRule.NO_NUMBER, blocked.pk, now=six)
    tick.check(six + timedelta(seconds=45))

    rows = Notification.objects.filter(once=f"no_number distribution {blocked.pk} CRITICAL")
    assert sorted(rows.values_list("recipient__username", flat=True)) == ["omar", "ravi"]
    assert resolve(rows[0].path).view_name == "admin:distribution_distribution_change"
    assert "What to do: " in rows[0].text


def test_a_warning_and_other_alerts_tell_nobody():
    somebody("Operator")

    incidents.raise_alert(
        AlertRule.CAPACITY_SHORT, 1, message="!", now=AFTERNOON, severity=Severity.WARNING
    )
    incidents.raise_alert(AlertRule.NUMBER_BREAKER, 1, message="!", now=AFTERNOON)

    assert told() == []


def test_without_a_mail_server_nothing_is_written(settings: Any):
    settings.EMAIL_ENABLED = False
    somebody("Approver")

    a_submitted(somebody("Editor"))

    assert told() == []
