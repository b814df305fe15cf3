"""What a person asks for by hand is sent to everybody only if a second person confirms it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connection, transaction

from distribution.engine import tick
from distribution.lifecycle import confirmation, control, opening, schedule
from distribution.lifecycle.confirmation import Requester
from distribution.lifecycle.control import ControlError
from distribution.models import Alert, BlackoutDate, Distribution, OutgoingEvent
from tests.builders import a_number, a_user, an_approved_content, some_subscribers

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # India's 12:00
SOON = NOON + timedelta(hours=2)


@pytest.fixture(autouse=True)
def house(settings):
    settings.WHATSAPP_ACCESS_TOKEN = "t"
    settings.DAILY_TIME = time(6)
    some_subscribers(4)
    a_number()


def asked_for(author=None, *, at: datetime = SOON, **fields) -> Distribution:
    content = fields.pop("content", None) or an_approved_content(day=DAY + timedelta(days=9))
    requester = Requester((author or a_user()).pk)
    return schedule.plan_by_hand(at=at, content=content, requester=requester, now=NOON, **fields)


def state(distribution: Distribution) -> str:
    return Distribution.objects.get(pk=distribution.pk).state


def test_unconfirmed_it_never_starts_whoever_looks():
    planned = asked_for()
    assert state(planned) == "AWAITING_CONFIRMATION"
    for now in (NOON, SOON, SOON + timedelta(hours=1)):
        assert planned.pk not in tick.check(now).opened
        assert not opening.open_distribution(planned.pk, now=now)
    with pytest.raises(ControlError):
        opening.start_now(planned.pk, now=NOON)


def test_confirmed_by_another_it_starts_at_its_time():
    planned, other = asked_for(), a_user()
    confirmed = confirmation.confirm(planned.pk, by=other, now=NOON)
    assert (confirmed.state, confirmed.confirmed_by, confirmed.confirmed_at) == (
        "SCHEDULED",
        other,
        NOON,
    )
    assert schedule.open_due(NOON) == []
    assert schedule.open_due(SOON) == [planned.pk]


def test_nobody_confirms_their_own():
    author = a_user()
    planned = asked_for(author)
    with pytest.raises(ControlError, match="someone else must confirm"):
        confirmation.confirm(planned.pk, by=author, now=NOON)
    assert state(planned) == "AWAITING_CONFIRMATION"


def test_the_table_itself_refuses_one_that_runs_unconfirmed_or_by_its_author():
    author = a_user()
    planned = asked_for(author)
    rows = Distribution.objects.filter(pk=planned.pk)
    for fields in ({"state": "SCHEDULED"}, {"state": "SCHEDULED", "confirmed_by": author}):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**fields)


def test_not_confirmed_in_time_it_is_missed_with_an_alert():
    planned = asked_for()
    tick.check(SOON)
    planned.refresh_from_db()
    assert (planned.state, planned.state_reason) == ("MISSED", confirmation.EXPIRED)
    alert = Alert.objects.get(rule="distribution_missed")
    assert "no second person confirmed it" in alert.message
    assert OutgoingEvent.objects.filter(kind="distribution.missed").count() <= 1
    with pytest.raises(ControlError, match="missed"):
        confirmation.confirm(planned.pk, by=a_user(), now=SOON)


def test_at_its_very_time_it_is_too_late_also_before_anybody_looked():
    planned = asked_for()
    with pytest.raises(ControlError, match="not confirmed in time"):
        confirmation.confirm(planned.pk, by=a_user(), now=SOON)


def test_what_happened_since_is_checked_again():
    planned = asked_for()
    BlackoutDate.objects.create(day=DAY, reason="Diwali")
    with pytest.raises(ControlError, match="Nothing is sent on that day"):
        confirmation.confirm(planned.pk, by=a_user(), now=NOON)
    BlackoutDate.objects.all().delete()
    schedule.plan_once(at=SOON, content=planned.content)
    with pytest.raises(ControlError, match="same content"):
        confirmation.confirm(planned.pk, by=a_user(), now=NOON)


def test_one_that_waits_counts_as_the_same_content_of_the_day():
    planned = asked_for()
    with pytest.raises(schedule.RepetitionError):
        asked_for(content=planned.content)


def test_it_is_cancelled_while_it_waits():
    planned = asked_for()
    control.cancel(planned.pk, reason="no", now=NOON)
    with pytest.raises(ControlError, match="cancelled"):
        confirmation.confirm(planned.pk, by=a_user(), now=NOON)


def test_a_start_by_hand_waits_an_hour_and_starts_when_it_is_confirmed():
    content = an_approved_content(day=DAY + timedelta(days=9))
    requester = Requester(a_user().pk)
    started = schedule.plan_now(content, requester=requester, again_reason="", now=NOON)
    assert started.state == "AWAITING_CONFIRMATION"
    later = NOON + timedelta(minutes=59)
    schedule.open_due(later)
    confirmed = confirmation.confirm(started.pk, by=a_user(), now=later)
    assert confirmed.planned_at == later
    assert started.pk in schedule.open_due(later)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_confirm_at_once_one_does_and_the_other_is_told():
    """The first holds the row while the second arrives."""
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL locks rows: SQLite has one writer at a time")
    planned = asked_for()
    people, gate, told = [a_user(), a_user()], Barrier(2), []

    def confirm(person) -> None:
        try:
            gate.wait()
            confirmation.confirm(planned.pk, by=person, now=NOON)
            told.append("confirmed")
        except ControlError as error:
            told.append(str(error))
        finally:
            connection.close()

    threads = [Thread(target=confirm, args=[person]) for person in people]
    with transaction.atomic():
        Distribution.objects.select_for_update(of=("self",)).get(pk=planned.pk)
        for thread in threads:
            thread.start()
        _wait_for_both()
    for thread in threads:
        thread.join()
    planned.refresh_from_db()
    assert sorted(told) == [
        "It was already confirmed by " + str(planned.confirmed_by) + ".",
        "confirmed",
    ]
    assert planned.state == "SCHEDULED"


def _wait_for_both() -> None:
    """Until both wait for the row that this connection holds."""
    query = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
    for _ in range(1000):
        with connection.cursor() as cursor:
            cursor.execute(query)
            if cursor.fetchone()[0] >= 2:
                return
            cursor.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("The two do not wait for the row.")
