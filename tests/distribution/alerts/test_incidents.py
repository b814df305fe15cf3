from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.db import IntegrityError, connections, transaction

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert, Severity

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
NO_NUMBER = AlertRule.NO_NUMBER


def raised(rule: AlertRule = NO_NUMBER, *, now: datetime = NOW, **fields) -> bool:
    given = {"about": 1, "message": "None can send."}
    return incidents.raise_alert(rule, now=now, **{**given, **fields})


def test_an_incident_opens_once_and_its_words_stay_fresh():
    rule = AlertRule.CAPACITY_SHORT
    assert raised(rule, severity=Severity.CRITICAL)
    assert not raised(rule, now=LATER, message="Still none.", severity=Severity.WARNING)

    alert = Alert.objects.get()
    assert (alert.opened_at, alert.message, alert.severity) == (NOW, "Still none.", "WARNING")


def test_rules_and_scopes_are_incidents_of_their_own():
    assert raised()
    assert raised(about=2)
    assert raised(AlertRule.NO_TOKEN)
    assert Alert.objects.count() == 3


def test_a_closed_incident_may_open_again():
    raised()

    assert incidents.close_alert(NO_NUMBER, 1, now=LATER)
    assert not incidents.close_alert(NO_NUMBER, 1, now=LATER)
    assert raised(now=LATER)

    assert list(Alert.objects.order_by("pk").values_list("opened_at", "closed_at")) == [
        (NOW, LATER),
        (LATER, None),
    ]


def test_closing_leaves_other_scopes_open():
    raised()

    assert not incidents.close_alert(NO_NUMBER, 2, now=LATER)
    assert Alert.objects.get().closed_at is None


def test_a_long_message_is_cut_not_refused():
    raised(message="é" * 900)
    raised(message="è" * 900)

    assert Alert.objects.get().message == "è" * 500


def test_the_database_keeps_one_open():
    raised()

    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.create(
            rule="no_number", scope="distribution 1", severity="CRITICAL", message="", opened_at=NOW
        )


@pytest.mark.django_db(transaction=True)
def test_eight_watchers_at_once_open_one_incident():
    together = Barrier(8)

    def watch(_: int) -> bool:
        try:
            together.wait(timeout=60)
            return raised()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as watchers:
        assert sorted(watchers.map(watch, range(8))) == [False] * 7 + [True]
    assert Alert.objects.count() == 1


def test_losing_the_race_spoils_no_transaction(monkeypatch):
    """Somebody opens it between our look and our insert."""
    atomic = transaction.atomic

    def meanwhile():
        monkeypatch.undo()
        Alert.objects.create(
            rule="no_number", scope="distribution 1", severity="WARNING", message="", opened_at=NOW
        )
        return atomic()

    with transaction.atomic():
        monkeypatch.setattr(transaction, "atomic", meanwhile)
        assert not raised()
        assert raised(AlertRule.NO_TOKEN)

    assert Alert.objects.count() == 2
