"""A number that WhatsApp could not reach for some days, and then did."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from subscribers.consent import decisions, reachability
from subscribers.consent.decisions import Decision, Kind
from subscribers.models import ConsentEvent, Subscriber
from tests.builders import a_subscriber
from tests.subscribers.moments import NOW, minute, statuses

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=1)


def lost() -> Subscriber:
    subscriber = a_subscriber()
    for day in (21, 22, 23):
        reachability.report_unreachable([subscriber.pk], on=date(2026, 11, day), now=NOW)
    assert statuses() == ["INVALID"]
    return subscriber


def test_a_report_that_comes_late_revives_the_number():
    subscriber = lost()

    assert reachability.report_reached([subscriber.pk], now=LATER) == 1

    subscriber.refresh_from_db()
    assert (subscriber.status, subscriber.unreachable_days) == ("ACTIVE", 0)
    event = ConsentEvent.objects.get(kind=Kind.RESUME)
    assert (event.source, event.at) == ("whatsapp:delivered", LATER)


@pytest.mark.parametrize("kind", [Kind.OPT_OUT, Kind.PAUSE])
def test_it_revives_nobody_who_left_or_was_paused_since(kind):
    subscriber = lost()
    decisions.record([Decision(subscriber.pk, kind, "test", NOW)], now=NOW)
    before = statuses()

    reachability.report_reached([subscriber.pk], now=LATER)

    assert statuses() == before


def test_what_a_file_called_invalid_stays_so():
    subscriber = lost()
    source = "import:people.csv"
    decisions.record([Decision(subscriber.pk, Kind.UNREACHABLE, source, minute(1))], now=NOW)

    reachability.report_reached([subscriber.pk], now=LATER)

    assert statuses() == ["INVALID"]


def test_the_revived_is_counted_anew():
    subscriber = lost()
    reachability.report_reached([subscriber.pk], now=LATER)

    assert not reachability.report_unreachable([subscriber.pk], on=date(2026, 11, 24), now=LATER)
    assert statuses() == ["ACTIVE"]
