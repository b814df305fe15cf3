"""The evening's task counts how people reacted, and changes the template where that is clear."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from distribution.models import (
    Alert,
    DailySignals,
    Delivery,
    Distribution,
    DistributionState,
    GroupRole,
    Kind,
    MessageTemplate,
    OutgoingEvent,
    Progress,
    QualityChange,
    RotationChange,
    RotationGroup,
    Severity,
    State,
    TemplateStatus,
)
from distribution.quality import groups, rotating, signals
from phonepool.models import PhoneNumber
from subscribers.models import ConsentEvent, Subscriber
from tests.builders import a_draft, a_group, a_number, some_subscribers
from tests.distribution.content_staff import a_staff_member, browser

pytestmark = pytest.mark.django_db
SIX = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)  # 06:00 IST
DAY = date(2026, 11, 24)
EVENING = SIX + timedelta(hours=13, minutes=30)


def a_morning(
    group: RotationGroup, people: list[Subscriber], day: int = 0, *, silent: int = 0
) -> Distribution:
    """A finished morning: everybody got the primary, but for the last ones, who are silent."""
    at = SIX + timedelta(days=day)
    template = group.templates.get(group_role=GroupRole.PRIMARY)
    number = PhoneNumber.objects.first() or a_number()
    morning = Distribution.objects.create(
        kind=Kind.DAILY,
        local_date=DAY + timedelta(days=day),
        planned_at=at,
        opened_at=at,
        window_end=at + timedelta(hours=4),
        content=a_draft(message_template=template, day=DAY + timedelta(days=day)),
        state=DistributionState.COMPLETED,
        recipients=len(people),
    )
    reached = len(people) - silent
    Delivery.objects.bulk_create(
        Delivery(
            distribution=morning,
            subscriber=person,
            phone=person.phone,
            tier=person.tier,
            batch_no=0,
            next_at=at,
            number=number,
            state=State.ACCEPTED,
            accepted_at=at,
            progress=Progress.READ if place < reached else Progress.SENT,
            delivered_at=at + timedelta(seconds=3) if place < reached else None,
            read_at=at + timedelta(hours=1) if place < reached else None,
        )
        for place, person in enumerate(people)
    )
    return morning


def stop(person: Subscriber, source: str, *, after: timedelta) -> None:
    ConsentEvent.objects.create(
        subscriber=person, kind="OPT_OUT", source=source, at=SIX + after, evidence=f"{person.pk}"
    )


def told(row: DailySignals) -> tuple[int, ...]:
    return row.delivered, row.read, row.stop_words, row.stops, row.refusals, row.silent


def test_each_person_who_stops_after_a_delivery_counts_once():
    group, people = a_group(), some_subscribers(20)
    a_morning(group, people, silent=2)
    hour = timedelta(hours=1)
    stop(people[0], "whatsapp:STOP", after=hour)
    stop(people[0], "whatsapp:switch", after=2 * hour)  # the same person again
    stop(people[1], "whatsapp:switch", after=2 * hour)
    stop(people[2], "whatsapp:131050", after=24 * hour + timedelta(seconds=30))
    stop(people[3], "whatsapp:STOP", after=25 * hour)  # too late to be about this message
    stop(people[4], "admin:asha", after=hour)  # not by the person
    stop(people[19], "whatsapp:STOP", after=hour)  # whom it did not reach

    assert signals.count(DAY, now=EVENING) == 1
    assert signals.count(DAY, now=EVENING) == 1  # again: the same row

    row = DailySignals.objects.get()
    assert told(row) == (18, 18, 1, 1, 1, 0)
    assert row.template == group.templates.get(group_role="PRIMARY")


def test_who_is_reached_no_more_went_silent_after_the_last_message():
    group, people = a_group(), some_subscribers(20)
    for day in range(-12, 1):
        a_morning(group, people, day)
    for day in (1, 2, 3):
        a_morning(group, people, day, silent=2 if day < 3 else 1)

    signals.count(DAY, now=SIX + timedelta(days=3, hours=13))
    assert DailySignals.objects.get(day=DAY).silent == 0  # the third has not had its 24 hours
    signals.count(DAY, now=SIX + timedelta(days=4, hours=13))

    assert DailySignals.objects.get(day=DAY).silent == 1
    signals.count(DAY - timedelta(days=9), now=SIX + timedelta(days=4))
    assert DailySignals.objects.get(day=DAY - timedelta(days=9)).silent == 0


def test_a_morning_without_reports_makes_nobody_silent():
    group, people = a_group(), some_subscribers(20)
    a_morning(group, people)
    for day in (1, 2, 3):
        a_morning(group, people, day, silent=15)

    signals.count(DAY, now=SIX + timedelta(days=5))

    assert DailySignals.objects.get(day=DAY).silent == 0


# --- acting on them


def signalled(group: RotationGroup, *stops: int, people: int = 2_000) -> None:
    """The primary's last mornings up to DAY, as they were counted."""
    primary = group.templates.get(group_role=GroupRole.PRIMARY)
    number = a_number()
    DailySignals.objects.bulk_create(
        DailySignals(
            day=DAY - timedelta(days=len(stops) - 1 - place),
            template=primary,
            number=number,
            delivered=people,
            read=people // 2,
            stop_words=stopped,
            stops=0,
            refusals=0,
            silent=0,
            held=0,
            counted_at=EVENING,
        )
        for place, stopped in enumerate(stops)
    )


def test_a_template_that_people_stop_is_changed_and_everybody_is_told():
    group = a_group()
    old, new = sorted(group.templates.all(), key=groups.preference)
    signalled(group, 1, 80)

    assert rotating.review(now=EVENING) == 1
    assert rotating.review(now=EVENING) == 0

    for template in (old, new):
        template.refresh_from_db()
    assert (old.group_role, new.group_role) == ("RESTING", "PRIMARY")
    change = RotationChange.objects.get()
    assert (change.cause, change.by) == ("BLOCK_RATE", None)
    assert change.reason == (
        "81 of 2,000 people blocked it or stopped: at least 3.3% with 95% confidence."
    )
    assert OutgoingEvent.objects.get(kind="template.rotated").data["rotation"]["by_hand"] is False
    noted = QualityChange.objects.get()
    assert (noted.template, noted.source, noted.after) == (old, "PROXY", "ABOVE_LIMIT")


def test_without_a_better_template_a_person_is_asked():
    for fields, why in (
        ({"quality": "RED"}, "No other template of the group is better."),
        ({"status": TemplateStatus.REJECTED}, "No other template of the group is better."),
        ({"category": "MARKETING"}, "No other template of the group is better."),
    ):
        group = a_group()
        standby = group.templates.get(group_role="STANDBY")
        MessageTemplate.objects.filter(pk=standby.pk).update(**fields)
        signalled(group, 80)

        assert rotating.review(now=EVENING) == 0

        alert = Alert.objects.get(scope=f"group {group.pk}", closed_at=None)
        assert (alert.rule, alert.severity) == ("template_blocked", Severity.CRITICAL)
        assert why in alert.message
        DailySignals.objects.all().delete()


def test_a_group_that_a_person_rotates_only_alerts_and_the_alert_closes():
    group = a_group()
    RotationGroup.objects.filter(pk=group.pk).update(automatic=False)
    signalled(group, 80)

    assert rotating.review(now=EVENING) == 0
    assert "It does not rotate automatically." in Alert.objects.get().message
    DailySignals.objects.update(stop_words=0)
    rotating.review(now=EVENING)

    assert Alert.objects.get().closed_at == EVENING


def test_nothing_is_changed_while_a_distribution_runs():
    group, people = a_group(), some_subscribers(2)
    morning = a_morning(group, people)
    signalled(group, 0, 80)
    Distribution.objects.filter(pk=morning.pk).update(state=DistributionState.SENDING)

    assert rotating.review(now=EVENING) == 0
    Distribution.objects.filter(pk=morning.pk).update(state=DistributionState.COMPLETED)
    assert rotating.review(now=EVENING) == 1


def test_the_pages_explain_the_rate_and_say_where_it_is_not_measurable():
    group = a_group()
    primary = group.templates.get(group_role="PRIMARY")
    DailySignals.objects.all().delete()
    signalled(group, 2, people=150)
    DailySignals.objects.update(day=timezone.localdate())
    client = browser(a_staff_member("view_messagetemplate", "view_rotationgroup"))

    template = client.get(reverse("admin:distribution_messagetemplate_change", args=[primary.pk]))
    page = client.get(reverse("admin:distribution_rotationgroup_change", args=[group.pk]))

    for shown in (template.content.decode(), page.content.decode()):
        assert "Not measurable at this size" in shown
        assert "2 of 150 people" in shown
    assert "Half" in template.content.decode()  # how it is reckoned
