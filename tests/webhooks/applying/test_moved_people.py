"""Whoever told WhatsApp of a new number stays subscribed, and staff is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from distribution.alerts import moved_people
from distribution.models import Alert
from subscribers.models import Status, Subscriber, WhatsAppIdentity
from tests.builders import a_subscriber
from tests.webhooks.people import USER_ID, fate, said
from tests.webhooks.posts import apply, pool_number

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
NEW_ID = "IN.22222222222222222222"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _pool():
    pool_number()


def moved(kind: str = "user_changed_number", **item) -> bytes:
    told = {"type": kind, "user_id": NEW_ID, "previous_user_id": USER_ID}
    return said("", at=NOW, type="system", system=told, **item)


@pytest.mark.parametrize("kind", ["user_changed_number", "user_changed_user_id"])
def test_a_move_stops_nothing_and_names_the_person_to_staff(kind):
    """Case A21."""
    who = a_subscriber(phone="+919812345678")
    WhatsAppIdentity.objects.create(
        subscriber=who, portfolio_id="900", user_id=USER_ID, seen_at=NOW
    )
    item = {"from": "919812345678"} if kind == "user_changed_number" else {}

    for _ in range(2):
        apply(moved(kind, **item))

    assert fate(who) == Status.ACTIVE
    alert = Alert.objects.get(rule="person_moved")
    assert (alert.severity, alert.closed_at) == ("WARNING", None)
    assert "+91******5678" in alert.message
    assert USER_ID not in alert.message
    row = WhatsAppIdentity.objects.get()
    assert (row.user_id, row.moved_user_id, row.moved_at) == (USER_ID, NEW_ID, NOW)


def test_the_alert_closes_when_the_old_number_is_unsubscribed_or_it_is_long_ago(settings):
    """Case A21."""
    who = a_subscriber(phone="+919812345678")
    apply(moved(**{"from": "919812345678"}), now=NOW)
    moved_people.close_answered(NOW)
    assert Alert.objects.filter(closed_at=None).count() == 1

    Subscriber.objects.filter(pk=who.pk).update(status=Status.UNSUBSCRIBED)
    moved_people.close_answered(NOW)
    assert not Alert.objects.filter(closed_at=None).exists()

    Subscriber.objects.filter(pk=who.pk).update(status=Status.ACTIVE)
    moved_people.refresh(NOW + timedelta(days=settings.NOTICE_ALERT_DAYS, seconds=1))
    assert not Alert.objects.filter(closed_at=None).exists()


@pytest.mark.parametrize("first", ["move", "stop"])
def test_a_stop_under_the_new_user_id_ends_the_old_number_in_any_order(first):
    """Case A21: consent does not move, a withdrawal does."""
    who = a_subscriber(phone="+919812345678")
    bodies = [moved(**{"from": "919812345678"}), said("STOP", at=NOW, from_user_id=NEW_ID)]

    for body in bodies if first == "move" else bodies[::-1]:
        apply(body)
    assert fate(who) == Status.UNSUBSCRIBED

    apply(said("START", at=NOW + timedelta(seconds=1), from_user_id=NEW_ID))
    assert fate(who) == Status.UNSUBSCRIBED


def test_the_move_of_somebody_unknown_alerts_nobody():
    apply(moved(**{"from": "919812345678"}))

    assert not Alert.objects.exists()
