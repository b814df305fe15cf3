from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from distribution.access import tokens
from distribution.content import approval
from distribution.content.approval import ApprovalError
from distribution.models import Approval, Content, ContentState, Decision, Kind
from subscribers.append_only import AppendOnlyError
from tests.builders import (
    a_draft,
    a_planned_distribution,
    a_template,
    a_user,
    an_approved_content,
)
from tests.distribution.staff import a_member

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY = date(2026, 11, 23)


def submitted(**fields) -> Content:
    content = a_draft(**{"day": DAY, **fields})
    approval.submit(content, by=content.author, now=NOW)
    return content


def a_daily_distribution(**fields) -> None:
    a_planned_distribution(NOW, kind=Kind.DAILY, local_date=DAY, **fields)


def stored(content: Content) -> dict[str, object]:
    return Content.objects.filter(pk=content.pk).values().get()


def history(content: Content) -> list[tuple[str, int, str]]:
    return list(content.approvals.values_list("decision", "by_id", "reason"))


def test_one_person_submits_and_another_approves():
    content, approver = a_draft(day=DAY), a_user()

    approval.submit(content, by=content.author, now=NOW)
    approval.approve(content, by=approver, now=NOW + timedelta(hours=1), reason="Good.")

    assert content.state == ContentState.APPROVED
    assert (content.submitted_at, content.decided_at) == (NOW, NOW + timedelta(hours=1))
    assert Content.objects.approved_for(DAY) == content
    assert history(content) == [
        (Decision.SUBMITTED, content.author_id, ""),
        (Decision.APPROVED, approver.pk, "Good."),
    ]


@pytest.mark.parametrize(
    "decide",
    [
        lambda content, by: approval.approve(content, by=by, now=NOW),
        lambda content, by: approval.reject(content, by=by, now=NOW, reason="No."),
    ],
    ids=["approve", "reject"],
)
def test_the_author_decides_nothing(decide):
    content = submitted()
    before = stored(content)

    with pytest.raises(ApprovalError, match="someone else must decide"):
        decide(content, content.author)

    assert stored(content) == before
    assert history(content) == [(Decision.SUBMITTED, content.author_id, "")]


@pytest.mark.parametrize("step", ["write", "submit"])
def test_who_made_a_token_worked_on_what_came_by_it(step):
    """Else one administrator is two people: their token writes as somebody else, they approve."""
    administrator, editor, approver = a_member(), a_member("Editor"), a_user()
    token, _ = tokens.issue(
        "crm", ["content"], user=editor, by=administrator, expires_at=None, now=NOW
    )
    fields = {"day": DAY, "message_template": a_template(), "title": "Monday"}
    came_by = {step: token}
    content = approval.write(by=editor, now=NOW, token=came_by.get("write"), **fields)
    approval.submit(content, by=editor, now=NOW, token=came_by.get("submit"))

    for decide in (approval.approve, approval.reject):
        with pytest.raises(ApprovalError, match="API token you created"):
            decide(content, by=administrator, now=NOW, reason="Mine.")
    approval.approve(content, by=approver, now=NOW)
    assert content.state == ContentState.APPROVED


@pytest.mark.parametrize("step", ["submit", "approve"])
@pytest.mark.parametrize(
    ("state", "opened", "told"),
    [
        ("SENDING", True, r"has started with the fallback. Choose a future date"),
        ("COMPLETED", True, r"has started with the fallback. Choose a future date"),
        ("MISSED", False, "is missed. Choose another day"),
        ("CANCELLED", False, "is cancelled. Choose another day"),
    ],
)
def test_content_for_a_morning_that_has_begun_is_refused(step, state, opened, told):
    """Nobody would ever get it, and the calendar would show it as what was said that day."""
    content, approver = a_draft(day=DAY), a_user()
    fallback = an_approved_content(day=None, is_fallback=True, title="Always")
    if step == "approve":
        approval.submit(content, by=content.author, now=NOW)
    times = {"content": fallback, "opened_at": NOW, "window_end": NOW} if opened else {}
    a_daily_distribution(state=state, **{"content": None, **times})
    before = stored(content)
    late = {"reason": "Late."} if step == "approve" else {}
    by = approver if step == "approve" else content.author
    with pytest.raises(ApprovalError, match=told):
        getattr(approval, step)(content, by=by, now=NOW, **late)
    assert stored(content) == before


def test_content_for_a_morning_that_waits_is_still_approved():
    """A distribution that is held back for want of content begins with it."""
    content = submitted()
    a_daily_distribution(state="BLOCKED", content=None)
    approval.approve(content, by=a_user(), now=NOW, reason="Late.")
    assert content.state == ContentState.APPROVED


def test_content_for_a_day_that_is_over_is_refused():
    content = submitted()
    with pytest.raises(ApprovalError, match="Choose a future date"):
        approval.approve(content, by=a_user(), now=NOW + timedelta(days=2), reason="Late.")


def test_only_the_author_submits():
    content = a_draft()

    with pytest.raises(ApprovalError, match="Only the author"):
        approval.submit(content, by=a_user(), now=NOW)

    assert (stored(content)["state"], history(content)) == (ContentState.DRAFT, [])


def test_a_rejection_needs_a_reason_and_goes_back_to_the_author():
    content, approver = submitted(), a_user()
    with pytest.raises(ApprovalError, match="Give a reason"):
        approval.reject(content, by=approver, now=NOW, reason="  ")

    approval.reject(content, by=approver, now=NOW, reason="Too long.")
    approval.edit(content, by=content.author, now=NOW, title="Shorter")
    approval.submit(content, by=content.author, now=NOW)

    assert (content.state, content.title) == (ContentState.SUBMITTED, "Shorter")
    steps = [decision for decision, *_ in history(content)]
    assert steps == ["SUBMITTED", "REJECTED", "EDITED", "SUBMITTED"]


@pytest.mark.parametrize("build", [submitted, an_approved_content], ids=["submitted", "approved"])
@pytest.mark.parametrize(
    "change", [{"title": "New"}, {"body_variables": []}, {"day": None}, {"is_fallback": True}]
)
def test_submitted_and_approved_content_is_frozen(build, change):
    content = build()
    before = stored(content)

    with pytest.raises(ApprovalError, match="cannot be edited"):
        approval.edit(content, by=content.author, now=NOW, **change)

    assert stored(content) == before


def test_an_approved_content_is_never_rejected_or_approved_again():
    content = an_approved_content(day=DAY)
    before = stored(content)

    for decide in (approval.approve, approval.reject):
        with pytest.raises(ApprovalError, match="Only submitted"):
            decide(content, by=a_user(), now=NOW, reason="Second thoughts.")

    assert stored(content) == before
    assert len(history(content)) == 2


@pytest.mark.parametrize("field", ["state", "author", "decided_at", "pk"])
def test_only_what_is_content_can_be_edited(field):
    with pytest.raises(ApprovalError, match=field):
        approval.edit(a_draft(), by=a_user(), now=NOW, **{field: None})


def test_everything_that_is_content_can_be_edited_in_a_draft():
    content, other = a_draft(), a_template()

    approval.edit(
        content,
        by=content.author,
        now=NOW,
        day=DAY,
        title="Budget day",
        message_template=other,
        body_variables=["{name}"],
        media={"type": "image", "id": "5"},
        is_fallback=True,
    )

    content.refresh_from_db()
    assert (content.title, content.message_template, content.media["id"]) == (
        "Budget day",
        other,
        "5",
    )


def test_a_day_has_one_approved_content():
    first, second, approver = submitted(), submitted(), a_user()
    approval.approve(first, by=approver, now=NOW)

    with pytest.raises(ApprovalError, match="Content for 2026-11-23 is already approved"):
        approval.approve(second, by=approver, now=NOW)

    assert stored(second)["state"] == ContentState.SUBMITTED
    assert len(history(second)) == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Content.objects.filter(pk=second.pk).update(state=ContentState.APPROVED)


def test_a_fallback_may_be_approved_beside_the_days_own_and_gives_way_to_it():
    fallback = an_approved_content(day=None, is_fallback=True)
    assert Content.objects.approved_for(DAY) == fallback

    own = an_approved_content(day=DAY)
    assert Content.objects.approved_for(DAY) == own
    assert Content.objects.approved_for(DAY + timedelta(days=1)) == fallback


def test_only_approved_content_is_said():
    submitted(), a_draft(day=DAY)

    assert Content.objects.approved_for(DAY) is None


def at_once(*decisions) -> list[str]:
    """Run the decisions in threads that begin together; how each ended."""
    together = Barrier(len(decisions))

    def run(decide) -> str:
        try:
            together.wait(timeout=60)
            decide()
        except ApprovalError as error:
            return str(error)
        finally:
            connections.close_all()
        return "done"

    with ThreadPoolExecutor(len(decisions)) as people:
        return sorted(people.map(run, decisions))


@pytest.mark.django_db(transaction=True)
def test_two_approvers_at_once_make_one_decision():
    content, people = submitted(), [a_user(), a_user()]
    opened = [Content.objects.get(pk=content.pk) for _ in people]  # a page of each one's own

    ends = at_once(
        *[
            lambda row=row, by=by: approval.approve(row, by=by, now=NOW)
            for row, by in zip(opened, people, strict=True)
        ]
    )

    assert ends == ["Only submitted content can be approved.", "done"]
    assert [decision for decision, *_ in history(content)] == ["SUBMITTED", "APPROVED"]


@pytest.mark.django_db(transaction=True)
def test_two_contents_approved_at_once_for_one_day_make_one_approved():
    contents, approver = [submitted(), submitted()], a_user()

    ends = at_once(
        *[lambda c=content: approval.approve(c, by=approver, now=NOW) for content in contents]
    )

    assert ends == ["Content for 2026-11-23 is already approved.", "done"]
    assert Content.objects.filter(day=DAY, state=ContentState.APPROVED).count() == 1
    assert Approval.objects.filter(decision=Decision.APPROVED).count() == 1


def refused(statement: str) -> None:
    refusal = pytest.raises(DatabaseError, match="append-only")
    with connection.cursor() as cursor, refusal, transaction.atomic():
        cursor.execute(statement)


def test_history_cannot_be_rewritten():
    record = submitted().approvals.get()

    with pytest.raises(AppendOnlyError):
        Approval.objects.update(reason="never happened")
    with pytest.raises(AppendOnlyError):
        record.delete()
    refused("UPDATE distribution_approval SET reason = 'never happened'")


def test_history_cannot_be_removed_from_postgresql(on_postgres):
    submitted()

    refused("DELETE FROM distribution_approval")


def test_a_content_without_a_day_must_be_a_fallback():
    with pytest.raises(IntegrityError), transaction.atomic():
        a_draft(day=None)
