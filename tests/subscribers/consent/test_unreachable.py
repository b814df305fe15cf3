"""Days on which WhatsApp could not reach a number, and when it becomes invalid."""

from __future__ import annotations

from datetime import date

import pytest

from subscribers.consent import reachability
from subscribers.models import ConsentEvent
from tests.builders import a_subscriber
from tests.subscribers.decide import resume
from tests.subscribers.moments import NOW, minute, statuses

pytestmark = pytest.mark.django_db


def test_the_third_day_out_of_reach_makes_a_number_invalid():
    subscriber = a_subscriber()
    days = [date(2026, 11, day) for day in (20, 21, 23)]

    lost = [reachability.report_unreachable([subscriber.pk], on=day, now=NOW) for day in days]

    assert lost == [set(), set(), {subscriber.pk}]
    assert statuses() == ["INVALID"]
    event = ConsentEvent.objects.get()
    assert (event.kind, event.source, event.evidence) == (
        "UNREACHABLE",
        "whatsapp:unreachable",
        "2026-11-23",
    )


def test_a_day_counts_once_and_earlier_ones_no_more():
    subscriber = a_subscriber()

    for day in (22, 22, 21, 22):
        reachability.report_unreachable([subscriber.pk], on=date(2026, 11, day), now=NOW)

    subscriber.refresh_from_db()
    assert (subscriber.unreachable_days, subscriber.unreachable_on) == (1, date(2026, 11, 22))


def test_a_message_that_arrives_starts_the_count_anew(django_assert_num_queries):
    counted, fine = a_subscriber(), a_subscriber()
    for day in (20, 21):
        reachability.report_unreachable([counted.pk], on=date(2026, 11, day), now=NOW)

    assert reachability.report_reached([counted.pk, fine.pk], now=NOW) == 1
    with django_assert_num_queries(1):
        assert reachability.report_reached([counted.pk, fine.pk], now=NOW) == 0
    reachability.report_unreachable([counted.pk], on=date(2026, 11, 22), now=NOW)

    counted.refresh_from_db()
    assert (counted.unreachable_days, counted.status) == (1, "ACTIVE")


@pytest.mark.parametrize("status", ["PAUSED", "UNSUBSCRIBED"])
def test_who_is_not_written_to_does_not_become_invalid(status):
    subscriber = a_subscriber(status=status)

    for day in (20, 21, 22):
        assert not reachability.report_unreachable([subscriber.pk], on=date(2026, 11, day), now=NOW)

    assert statuses() == [status]


def test_a_number_tried_again_gets_all_its_days_back():
    subscriber = a_subscriber()
    for day in (20, 21, 22):
        reachability.report_unreachable([subscriber.pk], on=date(2026, 11, day), now=minute(day))
    resume(subscriber, source="admin:asha", at=NOW, now=NOW)

    assert not reachability.report_unreachable([subscriber.pk], on=date(2026, 11, 22), now=NOW)
    assert not reachability.report_unreachable([subscriber.pk], on=date(2026, 11, 23), now=NOW)

    subscriber.refresh_from_db()
    assert (subscriber.unreachable_days, subscriber.status) == (1, "ACTIVE")
