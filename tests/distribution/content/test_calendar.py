from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from distribution.content import approval, calendar
from distribution.content.approval import ApprovalError
from distribution.models import BlackoutDate, Content, ContentState, DistributionState, Kind
from tests.builders import a_draft, a_planned_distribution, a_template, a_user, an_approved_content

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)  # 17:30 in India
TODAY = date(2026, 11, 22)
TOMORROW = TODAY + timedelta(days=1)


def one(day: date) -> calendar.CalendarDay:
    return calendar.days(day, 1, now=NOW)[0]


def submitted(**fields) -> Content:
    content = a_draft(**fields)
    approval.submit(content, by=content.author, now=NOW)
    return content


def test_a_day_without_content_is_silent_until_there_is_a_fallback():
    assert (one(TOMORROW).gap, one(TOMORROW).silent) == (True, True)

    an_approved_content(day=None, is_fallback=True)

    assert (one(TOMORROW).gap, one(TOMORROW).silent) == (True, False)


def test_a_draft_fills_no_gap_and_approved_content_does():
    draft = a_draft(day=TOMORROW)
    assert (one(TOMORROW).content, one(TOMORROW).gap) == (draft, True)

    approved = an_approved_content(day=TOMORROW)
    assert (one(TOMORROW).content, one(TOMORROW).gap, one(TOMORROW).others) == (approved, False, 1)


def test_a_blackout_is_no_gap():
    BlackoutDate.objects.create(day=TOMORROW, reason="Diwali")

    assert (one(TOMORROW).gap, one(TOMORROW).blackout) == (False, "Diwali")


def test_a_past_day_is_no_gap_and_a_missed_deadline_is_late():
    yesterday = one(TODAY - timedelta(days=1))
    assert (yesterday.past, yesterday.gap, yesterday.late) == (True, False, False)
    assert (one(TODAY).today, one(TODAY).late) == (True, True)  # its deadline was last evening
    assert (one(TOMORROW).late, one(TOMORROW).deadline) == (
        False,
        datetime(2026, 11, 22, 14, 30, tzinfo=UTC),
    )


def test_a_month_is_whole_weeks_in_three_queries():
    an_approved_content(day=TOMORROW)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        weeks = calendar.weeks(date(2026, 11, 1), now=NOW)

    assert len(queries) <= 3
    assert (weeks[0][0].day, weeks[-1][-1].day) == (date(2026, 10, 26), date(2026, 12, 6))
    assert {len(week) for week in weeks} == {7}


@pytest.mark.parametrize("day", [date(2026, 11, 29), date(2026, 11, 30), date(2026, 12, 1)])
def test_the_next_five_weeks_do_not_end_with_the_month(day):
    now = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)

    weeks = calendar.coming_weeks(now)

    shown = [one.day for week in weeks for one in week]
    assert {day + timedelta(days=n) for n in range(35)} <= set(shown)
    assert shown[0].weekday() == 0
    assert not any(one.past for week in weeks[1:] for one in week)


def test_the_next_gap_is_the_first_morning_without_approved_content():
    an_approved_content(day=TOMORROW)

    gap = calendar.next_gap(NOW)

    assert gap is not None
    assert gap.day == TOMORROW + timedelta(days=1)


def test_who_edited_a_draft_does_not_approve_it_even_when_another_has_the_last_word():
    content, helper = a_draft(day=TOMORROW), a_user()
    author = content.author
    approval.edit(content, by=helper, now=NOW, title="A helper's words")
    approval.edit(content, by=author, now=NOW, body_variables=["{name}", "x"])
    approval.submit(content, by=author, now=NOW)

    with pytest.raises(ApprovalError, match="You worked on this"):
        approval.approve(content, by=helper, now=NOW)

    approval.approve(content, by=a_user(), now=NOW)


def test_late_approval_needs_a_reason():
    content = submitted(day=TOMORROW)
    late = approval.deadline(TOMORROW) + timedelta(seconds=1)

    with pytest.raises(ApprovalError, match="Give a reason"):
        approval.approve(content, by=a_user(), now=late, reason=" ")

    approval.approve(content, by=a_user(), now=late, reason="The market closed late.")
    assert content.state == ContentState.APPROVED


def test_a_new_version_takes_over_what_was_planned_with_the_old_one():
    old = an_approved_content(day=TOMORROW)
    planned = a_planned_distribution(NOW, content=old, kind=Kind.ONE_TIME)
    new = approval.new_version(old, by=a_user(), now=NOW)
    with pytest.raises(ApprovalError, match="already in progress"):
        approval.new_version(old, by=a_user(), now=NOW)

    approval.submit(new, by=new.author, now=NOW)
    approval.approve(new, by=a_user(), now=NOW)

    planned.refresh_from_db()
    old.refresh_from_db()
    assert (planned.content, old.state) == (new, ContentState.REPLACED)
    assert Content.objects.approved_for(TOMORROW) == new


def test_a_day_that_has_begun_keeps_its_content():
    old = an_approved_content(day=TOMORROW)
    new = approval.new_version(old, by=a_user(), now=NOW)
    approval.submit(new, by=new.author, now=NOW)
    a_planned_distribution(
        NOW,
        content=old,
        kind=Kind.DAILY,
        local_date=TOMORROW,
        state=DistributionState.SENDING,
        opened_at=NOW,
        window_end=NOW,
    )

    with pytest.raises(ApprovalError, match="has started"):
        approval.approve(new, by=a_user(), now=NOW)

    old.refresh_from_db()
    assert old.state == ContentState.APPROVED


def test_a_new_version_of_the_chosen_fallback_is_chosen():
    chosen = an_approved_content(day=None, is_fallback=True)
    an_approved_content(day=None, is_fallback=True)
    approval.choose_fallback(chosen, by=a_user(), now=NOW)
    new = approval.new_version(chosen, by=a_user(), now=NOW)
    approval.submit(new, by=new.author, now=NOW)
    approval.approve(new, by=a_user(), now=NOW)

    assert Content.objects.fallback() == new


def test_only_an_approved_fallback_is_chosen():
    for content in (a_draft(day=None, is_fallback=True), an_approved_content(day=TOMORROW)):
        with pytest.raises(ApprovalError, match="approved fallback"):
            approval.choose_fallback(content, by=a_user(), now=NOW)


def test_a_change_at_meta_since_approval_is_seen():
    template = a_template(components=[{"type": "FOOTER", "text": "one"}])
    content = an_approved_content(day=TOMORROW, message_template=template, body_variables=[])
    assert not approval.template_changed(content)

    template.components = [{"type": "FOOTER", "text": "two"}]
    template.save()
    content.message_template.refresh_from_db()

    assert approval.template_changed(content)
