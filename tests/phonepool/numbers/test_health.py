from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.conf import settings
from django.db import connections

from phonepool.models import NumberState, PhoneNumber, Quality, Role
from phonepool.numbers import health
from tests.builders import a_number

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
REST = settings.NUMBER_REST_SECONDS


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def rate_at(number: PhoneNumber, after: float) -> float:
    number.refresh_from_db()
    return health.rate(number, NOW + seconds(after))


def events(number: PhoneNumber) -> list[str]:
    return list(number.events.order_by("pk").values_list("kind", flat=True))


def state_of(number: PhoneNumber) -> str:
    number.refresh_from_db()
    return number.state


def a_backup(**fields) -> PhoneNumber:
    return a_number(
        **{"role": Role.BACKUP, "state": NumberState.STANDBY, "rate_per_second": 50, **fields}
    )


# --- ceilings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quality", "own", "ceiling", "daily"),
    [
        (Quality.HIGH, 80, 80, 100_000),
        (Quality.HIGH, 1000, 1000, 100_000),  # upgraded by Meta
        (Quality.UNKNOWN, 80, 50, 10_000),
        (Quality.MEDIUM, 80, 50, 10_000),
        (Quality.MEDIUM, 30, 30, 10_000),
        (Quality.LOW, 80, 20, 1_000),
        (Quality.LOW, 30, 15, 1_000),  # half of its own
        (Quality.FLAGGED, 80, 0, 0),
    ],
)
def test_quality_sets_the_ceilings(quality, own, ceiling, daily):
    number = PhoneNumber(quality=quality, rate_per_second=own)

    assert (health.ceiling(number), health.daily_ceiling(number)) == (ceiling, daily)


def test_low_quality_halves_a_small_daily_capacity():
    assert health.daily_ceiling(PhoneNumber(quality=Quality.LOW, daily_capacity=900)) == 450


# --- AIMD -------------------------------------------------------------------------------------


def test_a_cut_halves_the_rate_which_climbs_back_after_two_quiet_seconds():
    number = a_number()

    assert health.cut_rate(number.pk, now=NOW)

    assert [rate_at(number, after) for after in (0, 2, 3, 5, 7, 60)] == [40, 40, 48, 64, 80, 80]
    assert events(number) == ["rate_cut"]


def test_one_burst_of_refusals_is_one_cut():
    number = a_number()

    cuts = [health.cut_rate(number.pk, now=NOW + seconds(after)) for after in (0, 1, 1.99, 2)]

    assert cuts == [True, False, False, True]
    assert rate_at(number, 2) == 20
    assert events(number) == ["rate_cut"] * 2


@pytest.mark.django_db(transaction=True)
def test_eight_refusals_at_once_are_one_cut():
    number = a_number()
    together = Barrier(8)

    def cut(_: int) -> bool:
        try:
            together.wait(timeout=60)
            return health.cut_rate(number.pk, now=NOW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as callers:
        assert sum(callers.map(cut, range(8))) == 1
    assert rate_at(number, 0) == 40


def test_cuts_end_at_the_floor():
    number = a_number()
    for after in range(10):
        health.cut_rate(number.pk, now=NOW + seconds(2 * after))

    assert rate_at(number, 18) == health.MIN_RATE_PER_SECOND


def test_a_number_slower_than_the_floor_is_not_made_faster_by_a_cut():
    number = a_number(rate_per_second=2)
    health.cut_rate(number.pk, now=NOW)

    assert rate_at(number, 0) == 2


def test_a_cut_leaves_slots_already_given_out_alone():
    ahead = NOW.timestamp() + 8
    number = a_number(next_slot=ahead)
    health.cut_rate(number.pk, now=NOW)

    number.refresh_from_db()
    assert number.next_slot == ahead


# --- resting ----------------------------------------------------------------------------------


def test_each_rest_in_a_row_is_twice_as_long_up_to_a_limit():
    number, now, rests = a_number(), NOW, []
    for _ in range(7):
        assert health.rest(number.pk, "number_gone", now=now)
        number.refresh_from_db()
        rests.append((number.rest_until - now).total_seconds() / REST)
        now = number.rest_until
        assert health.wake_rested(now) == 1

    assert rests == [1, 2, 4, 8, 16, 16, 16]


def test_success_ends_the_row_of_rests():
    number = a_number(failures=3)

    health.reset_failures([number.pk])
    health.rest(number.pk, "number_gone", now=NOW)

    number.refresh_from_db()
    assert number.rest_until == NOW + seconds(REST)


def test_a_resting_number_wakes_when_its_time_has_come_and_not_before():
    number = a_number()
    health.rest(number.pk, "number_gone", now=NOW)
    assert state_of(number) == NumberState.RESTING

    assert health.wake_rested(NOW + seconds(REST - 0.001)) == 0
    assert health.wake_rested(NOW + seconds(REST)) == 1
    assert health.wake_rested(NOW + seconds(REST)) == 0

    assert (state_of(number), number.state_reason, number.rest_until) == ("ACTIVE", "", None)
    assert events(number) == ["resting", "woken"]


def test_refusals_of_many_messages_are_one_rest():
    number = a_number()

    assert [health.rest(number.pk, "number_gone", now=NOW) for _ in range(3)] == [
        True,
        False,
        False,
    ]
    number.refresh_from_db()
    assert number.failures == 1


def test_a_disabled_number_does_not_rest_and_so_does_not_wake():
    number = a_number()
    health.disable(number.pk, "by an operator", now=NOW)

    assert not health.rest(number.pk, "number_gone", now=NOW)
    assert health.wake_rested(NOW + seconds(3600)) == 0
    assert state_of(number) == NumberState.DISABLED


def test_disabling_ends_a_rest():
    number = a_number()
    health.rest(number.pk, "number_gone", now=NOW)

    assert health.disable(number.pk, "by an operator", now=NOW)
    assert not health.disable(number.pk, "again", now=NOW)

    assert health.wake_rested(NOW + seconds(3600)) == 0
    assert (state_of(number), number.state_reason) == ("DISABLED", "by an operator")


# --- quality ----------------------------------------------------------------------------------


def test_a_flagged_number_is_out_and_a_backup_takes_its_place():
    primary, backup = a_number(), a_backup()

    assert health.apply_quality(primary.pk, Quality.FLAGGED, now=NOW)
    assert health.ensure_capacity(1, until=NOW + seconds(300), now=NOW) == [backup.label]

    assert (state_of(primary), primary.state_reason) == ("DISABLED", health.FLAGGED_REASON)
    assert (state_of(backup), backup.state_reason) == ("ACTIVE", "a primary is lost")
    assert events(primary) == ["quality", "disabled"]


@pytest.mark.parametrize(("role", "home"), [("PRIMARY", "ACTIVE"), ("BACKUP", "STANDBY")])
def test_a_number_no_longer_flagged_comes_back_to_where_it_belongs(role, home):
    number = a_number(role=role)
    health.apply_quality(number.pk, Quality.FLAGGED, now=NOW)

    health.apply_quality(number.pk, Quality.MEDIUM, now=NOW)

    assert (state_of(number), number.quality) == (home, Quality.MEDIUM)
    assert events(number) == ["quality", "disabled", "quality", "enabled"]


def test_a_number_that_a_human_disabled_stays_out_whatever_its_quality():
    number = a_number()
    health.disable(number.pk, "by an operator", now=NOW)

    health.apply_quality(number.pk, Quality.FLAGGED, now=NOW)
    health.apply_quality(number.pk, Quality.HIGH, now=NOW)

    assert (state_of(number), number.state_reason) == ("DISABLED", "by an operator")


def test_the_same_quality_again_is_no_news():
    number = a_number()

    assert not health.apply_quality(number.pk, Quality.HIGH, now=NOW)
    assert events(number) == []


def test_quality_and_its_effect_are_written_together(monkeypatch):
    """Else a crash between them would leave the number out when its quality is mended."""
    number = a_number()
    health.apply_quality(number.pk, Quality.FLAGGED, now=NOW)

    def crash(*_):
        raise SystemExit

    monkeypatch.setattr(health, "_bring_back", crash)
    with pytest.raises(SystemExit):
        health.apply_quality(number.pk, Quality.HIGH, now=NOW)
    monkeypatch.undo()

    assert health.apply_quality(number.pk, Quality.HIGH, now=NOW)  # the next reading
    assert state_of(number) == NumberState.ACTIVE
