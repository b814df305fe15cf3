"""Meta's comparison of two templates: when it is asked, what is kept, and what it decides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from distribution.mirror import template_comparison
from distribution.models import (
    DailySignals,
    MessageTemplate,
    RotationCause,
    RotationChange,
    RotationGroup,
    TemplateComparison,
)
from distribution.quality import comparisons, groups, rotating
from distribution.runtime import india_time
from phonepool.cloud_api import comparison
from phonepool.cloud_api.comparison import TemplateOrder
from phonepool.errors import NO_ANSWER, classify
from phonepool.exceptions import Rejected, Unanswered
from sandbox.formats.errors import Refusal
from sandbox.graph import comparison as metas
from sandbox.templates.message_template import body_only
from sandbox.world.world import World
from tests.builders import a_group, a_number, a_waba
from tests.distribution.content_staff import a_staff_member, browser
from tests.distribution.cost_days import a_world

pytestmark = pytest.mark.django_db
EVENING = datetime(2026, 11, 29, 14, 0, tzinfo=UTC)  # 19:30 in India
TODAY = india_time.local_date(EVENING)


class Meta:
    """Compares as the sandbox does; `broken` answers instead."""

    def __init__(self, world: World) -> None:
        self.world, self.asked = world, 0
        self.broken: dict[str, Any] | None = None

    def compare_templates(self, template: str, other: str, days: int, *, now: int) -> TemplateOrder:
        self.asked += 1
        if self.broken is not None:
            return comparison.parse(self.broken)
        self.world.clock.at = datetime.fromtimestamp(now, UTC)  # type: ignore[attr-defined]
        waba = self.world.first_waba
        own = next(one for one in waba.templates.values() if one.id == template)
        query = comparison.query(other, days, now=now)
        try:
            return comparison.parse(metas.answer(self.world, waba, own, query))
        except Refusal as refusal:
            raise Rejected(classify(refusal.code), refusal.details) from refusal


def sent(group: RotationGroup, world: World, *, day: int, blocked: int = 0, **times: int) -> None:
    """So many sends of the primary and the standby on a morning, so many days ago."""
    number = group.number  # type: ignore[attr-defined]
    for role, count in times.items():
        template = group.templates.get(group_role=role.upper())
        DailySignals.objects.create(
            day=TODAY - timedelta(days=day),
            template=template,
            number=number,
            sent=count,
            counted_at=EVENING,
            **dict.fromkeys(
                ("delivered", "read", "stop_words", "stops", "refusals", "silent", "held"), 0
            ),
        )
        sums = world.reactions.at(template.meta_id, EVENING.timestamp() - 86_400 * day - 3600)
        sums.sent += count
        sums.blocked += blocked if role == "standby" else 0
        sums.reasons.update({"SPAM": blocked} if role == "standby" and blocked else {})


@pytest.fixture
def world() -> World:
    number = a_number(waba=a_waba("900"))
    return a_world(EVENING, numbers=[number])


def a_known_group(world: World) -> RotationGroup:
    """A group whose templates Meta knows by the same ids."""
    number = DailySignals._meta.get_field("number").related_model.objects.get()
    group = a_group(waba=number.waba)
    for template in group.templates.all():
        known = world.create_template(
            world.first_waba, template.name, "en", "UTILITY", body_only("2")
        )
        MessageTemplate.objects.filter(pk=template.pk).update(meta_id=known.id)
    group.number = number
    return group


def test_a_pair_is_asked_once_a_day_in_the_shortest_window_and_kept(world):
    group, meta = a_known_group(world), Meta(world)
    sent(group, world, day=0, primary=1500, standby=500)
    sent(group, world, day=6, standby=499)
    sent(group, world, day=7, primary=10, standby=200, blocked=40)

    assert template_comparison.ask_due(meta, now=EVENING) == 1  # not in 7 days: 999 sends
    assert template_comparison.ask_due(meta, now=EVENING + timedelta(hours=2)) == 0
    assert meta.asked == 1
    row = TemplateComparison.objects.get()
    assert (row.window_days, row.error, row.answered_at) == (30, "", EVENING)
    primary = group.templates.get(group_role="PRIMARY")
    standby = group.templates.get(group_role="STANDBY")
    assert row.less_blocked == primary
    assert sorted((row.template_sends, row.other_sends)) == [1199, 1510]
    assert comparisons.top_reason(standby) == "SPAM"
    assert comparisons.orders(primary, today=TODAY)[standby.pk].blocked_more
    [shown] = comparisons.shown(standby, today=TODAY)
    assert shown.words == f"Blocked more than {primary} (1,199 and 1,510 sends in 30 days)"
    assert shown.reason == "spam"

    # An answer without an order, one that is no answer, a refusal: the last word stays.
    tomorrow = EVENING + timedelta(days=1)
    for place, broken in enumerate(({"data": [{"metric": "NEW"}, 7]}, {"data": "x"}, None)):
        meta.broken = broken
        world.first_waba.templates[standby.name, "en"].status = "PAUSED"
        assert template_comparison.ask_due(meta, now=tomorrow + timedelta(days=place)) == 0
        row.refresh_from_db()
        assert row.error
        assert (row.answered_at, row.less_blocked) == (EVENING, primary)
    [shown] = comparisons.shown(standby, today=TODAY)
    assert (shown.reason, bool(shown.error)) == ("spam", True)


def test_only_ten_are_asked_an_hour_and_none_that_meta_would_refuse(world):
    known = [a_known_group(world) for _ in range(12)]
    meta = Meta(world)
    for group in known[:-1]:
        sent(group, world, day=1, primary=1000, standby=1000)
    sent(known[-1], world, day=1, primary=1000, standby=400)

    assert template_comparison.ask_due(meta, now=EVENING) == 10
    assert template_comparison.ask_due(meta, now=EVENING + timedelta(minutes=59)) == 0
    assert template_comparison.ask_due(meta, now=EVENING + timedelta(minutes=61)) == 1
    assert meta.asked == 11
    standby = known[-1].templates.get(group_role="STANDBY")
    [shown] = comparisons.shown(standby, today=TODAY)
    assert shown.words == (
        f"Not measurable at this size. {standby} needs 600 more sends within 90 days."
    )

    class Silent:
        asked = 0

        def compare_templates(self, *_: Any, **__: Any) -> None:
            self.asked += 1
            raise Unanswered(NO_ANSWER)

    silent = Silent()
    assert template_comparison.ask_due(silent, now=EVENING + timedelta(days=1)) == 0
    assert silent.asked == 1  # who does not answer is not asked ten times


def test_a_new_template_that_meta_orders_worse_is_changed_back(world):
    group = a_known_group(world)
    old = group.templates.get(group_role="PRIMARY")
    new = group.templates.get(group_role="STANDBY")
    changed = EVENING - timedelta(days=3)
    groups.make_primary(new, cause=RotationCause.BLOCK_RATE, reason="2.6%", now=changed)
    for day in (0, 1, 2):  # nobody blocks it by our own counts
        DailySignals.objects.create(
            day=TODAY - timedelta(days=day),
            template=new,
            number=group.number,
            delivered=2000,
            read=900,
            stop_words=0,
            stops=0,
            refusals=0,
            silent=0,
            held=0,
            counted_at=EVENING,
        )
    assert rotating.review(now=EVENING) == 0
    first, second = sorted((old, new), key=lambda one: one.pk)
    TemplateComparison.objects.create(
        template=first,
        other=second,
        asked_at=EVENING,
        answered_at=EVENING,
        window_days=7,
        less_blocked=old,
    )

    assert rotating.review(now=EVENING) == 1
    change = RotationChange.objects.get(cause=RotationCause.WORSE)
    assert (change.after, change.reason) == (
        old,
        "Meta says that more people block it than the template before.",
    )


def test_the_page_of_a_template_shows_what_meta_says(world):
    group = a_known_group(world)
    standby = group.templates.get(group_role="STANDBY")
    primary = group.templates.get(group_role="PRIMARY")
    first, second = sorted((primary, standby), key=lambda one: one.pk)
    TemplateComparison.objects.create(
        template=first,
        other=second,
        asked_at=EVENING,
        answered_at=EVENING,
        window_days=7,
        less_blocked=primary,
        template_sends=1200,
        other_sends=1300,
        template_reason="NEW_REASON",
        other_reason="NEW_REASON",
        error="(#100) 999 sends",
    )
    page = browser(a_staff_member("view_messagetemplate")).get(
        reverse("admin:distribution_messagetemplate_change", args=[standby.pk])
    )
    text = page.content.decode()
    assert "Compared by Meta" in text
    assert "Top block reason: new reason" in text
    assert "The latest comparison failed: (#100) 999 sends" in text
