from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from phonepool.models import NumberState, PhoneEvent, PhoneNumber, Quality, Role
from phonepool.numbers import health
from tests.builders import a_number

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
REST = settings.NUMBER_REST_SECONDS


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def events(number: PhoneNumber) -> list[str]:
    return list(number.events.order_by("pk").values_list("kind", flat=True))


def state_of(number: PhoneNumber) -> str:
    number.refresh_from_db()
    return number.state


def a_backup(**fields) -> PhoneNumber:
    return a_number(
        **{"role": Role.BACKUP, "state": NumberState.STANDBY, "rate_per_second": 50, **fields}
    )


# --- backups ----------------------------------------------------------------------------------


def test_backups_stand_by_while_the_primaries_suffice():
    a_number(), a_backup()

    fits = int(80 * settings.SLOT_UTILISATION * 10)
    assert health.ensure_capacity(fits, until=NOW + seconds(10), now=NOW) == []


def test_a_backup_wakes_when_the_primaries_cannot_meet_the_window():
    a_number()
    slow, fast = a_backup(rate_per_second=20), a_backup()

    beyond = int(80 * settings.SLOT_UTILISATION * 10) + 1
    assert health.ensure_capacity(beyond, until=NOW + seconds(10), now=NOW) == [fast.label]
    assert (state_of(fast), fast.state_reason) == (
        "ACTIVE",
        "the active numbers cannot meet the window",
    )
    assert state_of(slow) == NumberState.STANDBY


def test_as_many_backups_wake_as_are_needed():
    a_number()
    backups = [a_backup(), a_backup()]

    woken = health.ensure_capacity(100_000, until=NOW + seconds(10), now=NOW)

    assert woken == [backup.label for backup in backups]


@pytest.mark.parametrize("lost", ["RESTING", "DISABLED"])
def test_one_backup_wakes_for_each_lost_primary(lost):
    a_number(state=lost), a_number()
    first, second = a_backup(), a_backup()

    assert health.ensure_capacity(1, until=NOW + seconds(300), now=NOW) == [first.label]
    assert health.ensure_capacity(1, until=NOW + seconds(300), now=NOW) == []
    assert state_of(second) == NumberState.STANDBY


def test_a_flagged_backup_stays_asleep():
    a_number(state=NumberState.DISABLED)
    a_backup(quality=Quality.FLAGGED)

    assert health.ensure_capacity(1, until=NOW + seconds(300), now=NOW) == []


def test_after_the_window_every_backup_helps():
    a_number()
    backup = a_backup()

    assert health.ensure_capacity(1, until=NOW - seconds(1), now=NOW) == [backup.label]


def test_woken_backups_stand_down_when_nothing_is_left_to_send():
    primary, woken = a_number(), a_backup(state=NumberState.ACTIVE)
    out = a_backup(state=NumberState.DISABLED)

    assert health.stand_down(NOW) == 1

    assert [state_of(number) for number in (primary, woken, out)] == [
        "ACTIVE",
        "STANDBY",
        "DISABLED",
    ]
    assert events(woken) == ["standby"]


def test_capacity_counts_the_rate_and_the_days_rest():
    numbers = [
        a_number(),
        a_number(day=NOW.date(), day_count=99_990),
        a_number(day=NOW.date() - timedelta(days=1), day_count=100_000),
    ]
    each = int(80 * settings.SLOT_UTILISATION * 300)

    assert health.capacity(numbers, 300, NOW) == each + 10 + each


def test_a_number_over_its_daily_ceiling_takes_nothing_from_the_others():
    fallen = a_number(quality=Quality.LOW, day=NOW.date(), day_count=50_000)
    each = int(80 * settings.SLOT_UTILISATION * 300)

    assert health.capacity([a_number(), fallen], 300, NOW) == each


def test_history_cannot_be_rewritten():
    health.disable(a_number().pk, "by an operator", now=NOW)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        PhoneEvent.objects.update(detail="never happened")
    with connection.cursor() as cursor, pytest.raises(DatabaseError), transaction.atomic():
        cursor.execute("UPDATE phonepool_phoneevent SET detail = 'never happened'")
