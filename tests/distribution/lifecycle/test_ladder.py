"""The ladder is fixed the evening before, and anew only when something in it is gone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine

from distribution.content import approval
from distribution.lifecycle import content_watch, ladder, opening
from distribution.models import (
    Alert,
    Content,
    Distribution,
    Ladder,
    LadderRung,
    MessageTemplate,
    TemplateStatus,
)
from distribution.reporting import today
from tests.api.tokens import a_program
from tests.builders import a_group, a_number, a_user, an_approved_content, some_subscribers

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 24)
EVENING = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)  # 20:00 in India
NIGHT = EVENING + timedelta(hours=3)
SIX = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)


@pytest.fixture
def content(settings: Any) -> Content:
    """The day's, in a group with two on standby, with a fallback; a number and three people."""
    settings.CONTENT_DEADLINE = time(20)
    a_number()
    some_subscribers(3)
    planned = an_approved_content(day=DAY, message_template=templates(a_group(2))[0])
    a_fallback()
    return planned


def a_fallback() -> Content:
    template = templates(a_group(1))[0]
    return an_approved_content(
        day=None, is_fallback=True, title="A quiet morning", message_template=template
    )


def templates(group: Any) -> list[MessageTemplate]:
    return list(group.templates.order_by("pk"))


def change(template: MessageTemplate, **fields: Any) -> None:
    MessageTemplate.objects.filter(pk=template.pk).update(**fields)


def rungs() -> list[tuple[str, int, int]]:
    rows = LadderRung.objects.filter(ladder=Ladder.objects.first())
    return [(row.kind, row.content_id, row.message_template_id) for row in rows]


def alerts() -> list[str]:
    return list(
        Alert.objects.filter(rule="ladder_changed", closed_at=None).values_list(
            "message", flat=True
        )
    )


def opened() -> Distribution:
    row = Distribution.objects.create(kind="DAILY", local_date=DAY, planned_at=SIX)
    assert opening.open_distribution(row.pk, now=SIX)
    row.refresh_from_db()
    return row


def test_the_evening_before_the_rungs_are_fixed_with_who_approved_them(content):
    own, first, second = templates(content.message_template.group)
    change(second, quality="YELLOW")
    fallback = Content.objects.fallback()

    content_watch.look(EVENING - timedelta(minutes=1))
    assert not Ladder.objects.exists()  # before the deadline nothing is fixed
    content_watch.look(EVENING)

    assert rungs() == [
        ("PLANNED", content.pk, own.pk),
        ("SIBLING", content.pk, first.pk),
        ("SIBLING", content.pk, second.pk),
        ("FALLBACK", fallback.pk, fallback.message_template_id),
    ]
    rows = list(LadderRung.objects.all())
    assert [row.during_run for row in rows] == [False, True, True, True]
    approvers = {
        one.pk: one.approvals.get(decision="APPROVED").by_id for one in (content, fallback)
    }
    assert [row.approved_by_id for row in rows] == [approvers[row.content_id] for row in rows]

    assert today.load(EVENING).ladder == rows[1:]
    with time_machine.travel(EVENING, tick=False):
        planned = a_program("read").get("/api/distribution/plan").json()["ladder"]
    assert [(one["kind"], one["content"], one["template"]) for one in planned] == rungs()

    # What is better later changes nothing, nor does another fallback that is chosen.
    change(second, quality="GREEN")
    another = a_fallback()
    content_watch.look(NIGHT)
    assert Content.objects.fallback() == another
    assert (Ladder.objects.count(), alerts()) == (1, [])
    row = opened()
    assert (row.ladder, row.rung, row.used_template) == (Ladder.objects.get(), None, own)


@pytest.mark.parametrize("policy", ["none", "sibling"])
def test_a_setting_says_what_a_run_may_take(content, settings, policy):
    settings.LADDER_DURING_RUN = policy
    content_watch.look(EVENING)
    may = policy == "sibling"
    assert [row.during_run for row in LadderRung.objects.all()] == [False, may, may, False]


def test_a_standby_that_is_rejected_overnight_is_taken_out_and_told(content):
    own, first, second = templates(content.message_template.group)
    content_watch.look(EVENING)
    change(first, status=TemplateStatus.REJECTED)

    content_watch.look(NIGHT)
    content_watch.look(NIGHT + timedelta(minutes=1))

    assert Ladder.objects.count() == 2  # once, and the first is kept
    assert [template for _, _, template in rungs()][:2] == [own.pk, second.pk]
    [message] = alerts()
    assert f"{first} is REJECTED at Meta." in message
    assert f"2. “{content.title}” with {second}" in message
    content_watch.look(SIX + timedelta(minutes=1))  # the day's distribution has begun
    assert alerts() == []


def test_both_templates_of_a_group_red_leave_the_fallback(content):
    own, first, second = templates(content.message_template.group)
    for one in (own, first, second):
        change(one, quality="RED")
    content_watch.look(EVENING)
    assert [kind for kind, _, _ in rungs()] == ["PLANNED", "FALLBACK"]


def test_a_fallback_that_gets_a_new_version_is_out_and_its_new_version_in(content):
    content_watch.look(EVENING)
    old = Content.objects.fallback()
    draft = approval.new_version(old, by=a_user(), now=NIGHT)
    approval.submit(draft, by=draft.author, now=NIGHT)
    approval.approve(draft, by=a_user(), now=NIGHT, reason="A typing error.")

    content_watch.look(NIGHT)

    assert rungs()[-1][:2] == ("FALLBACK", draft.pk)
    assert f"“{old.title}” is not approved any more." in alerts()[0]


def test_content_approved_after_the_freeze_is_what_is_sent(content):
    Content.objects.filter(pk=content.pk).update(state="REPLACED")
    content_watch.look(EVENING)
    assert [kind for kind, _, _ in rungs()] == ["FALLBACK", "SIBLING"]

    Content.objects.filter(pk=content.pk).update(state="APPROVED")
    content_watch.look(NIGHT)

    assert rungs()[0][:2] == ("PLANNED", content.pk)
    assert "is sent instead of" in alerts()[0]


def test_an_opening_that_finds_the_first_rung_gone_fixes_the_ladder_anew(content):
    own, first, second = templates(content.message_template.group)
    content_watch.look(EVENING)
    change(own, status=TemplateStatus.PAUSED)

    row = opened()

    assert (row.used_template, row.rung) == (first, None)
    assert [template for _, _, template in rungs()][:2] == [first.pk, second.pk]
    assert ladder.latest(row) == Ladder.objects.first() != Ladder.objects.last()
