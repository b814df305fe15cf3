from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Barrier

import pytest
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from phonepool.models import NumberState, PhoneNumber, Quality
from phonepool.numbers import health, reservation
from phonepool.numbers.leases import GAP_SECONDS
from phonepool.numbers.reservation import Reservation
from tests.builders import a_number

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)  # 06:00 IST
START = NOW.timestamp()
RATE = 80
SPACING = 1 / (RATE * settings.SLOT_UTILISATION)
IN_HORIZON = int(settings.SLOT_HORIZON_SECONDS / SPACING)
CRUMB = 1e-5  # what floats of today's size cannot tell apart


def slots(*taken: Reservation) -> list[float]:
    return sorted(one.slot(place) for one in taken for place in range(one.count))


def fullest_second(moments: list[float]) -> int:
    """The most moments in any half-open window of one second; `moments` are sorted."""
    most = begin = 0
    for end, moment in enumerate(moments):
        while moment - moments[begin] >= 1:
            begin += 1
        most = max(most, end - begin + 1)
    return most


def assert_within_the_rate(moments: list[float], rate: float = RATE) -> None:
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert all(gap > 1 / (rate * settings.SLOT_UTILISATION) - CRUMB for gap in gaps)
    assert fullest_second(moments) <= rate * settings.SLOT_UTILISATION + 1


def take(number: PhoneNumber, count: int, *, now: datetime = NOW) -> Reservation | None:
    """A reservation by somebody who has just read the number's row."""
    return reservation.reserve(PhoneNumber.objects.get(pk=number.pk), count, now=now)


@pytest.mark.django_db
def test_reserving_is_one_statement(django_assert_num_queries):
    number = a_number()

    with django_assert_num_queries(1):
        reservation.reserve(number, 25, now=NOW)


@pytest.mark.django_db
def test_an_idle_number_starts_now():
    taken = take(a_number(next_slot=START - 3600), 25)

    assert (taken.count, taken.spacing) == (25, SPACING)
    assert taken.first == pytest.approx(START, abs=CRUMB)
    assert slots(taken)[-1] == pytest.approx(START + 24 * SPACING, abs=CRUMB)


@pytest.mark.django_db
def test_the_next_reservation_follows_the_last_without_a_gap():
    number = a_number()

    first, second = take(number, 25), take(number, 5, now=NOW + timedelta(seconds=0.1))

    assert second.first == pytest.approx(first.slot(25), abs=CRUMB)


@pytest.mark.django_db
def test_nothing_beyond_the_horizon_is_given_out():
    number = a_number()

    taken = take(number, 5000)

    assert taken.count == IN_HORIZON == 1182
    assert slots(taken)[-1] < START + settings.SLOT_HORIZON_SECONDS
    assert take(number, 1) is None
    assert take(number, 5000, now=NOW + timedelta(seconds=1)).count in (78, 79)


@pytest.mark.django_db
def test_the_days_capacity_is_a_bound():
    number = a_number(daily_capacity=60)

    assert [take(number, 25).count for _ in range(3)] == [25, 25, 10]
    assert take(number, 1) is None
    number.refresh_from_db()
    assert number.day_count == 60


@pytest.mark.django_db
def test_the_day_begins_at_midnight_in_india():
    number = a_number(daily_capacity=10)
    midnight = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
    take(number, 10)

    assert take(number, 1, now=midnight - timedelta(microseconds=1)) is None
    assert take(number, 10, now=midnight).count == 10
    assert take(number, 1, now=midnight + timedelta(hours=23)) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        {"state": NumberState.DISABLED},
        {"state": NumberState.RESTING},
        {"state": NumberState.STANDBY},
        {"quality": Quality.FLAGGED},
        {"next_slot": START + 14.9},
        {"day": NOW.date(), "day_count": 100_000},
    ],
    ids=["disabled", "resting", "standing by", "flagged", "room taken", "day's count reached"],
)
def test_what_changed_since_the_number_was_read_is_respected(change):
    read = a_number()
    PhoneNumber.objects.update(**change)
    before = PhoneNumber.objects.values().get()

    assert reservation.reserve(read, 25, now=NOW) is None
    assert PhoneNumber.objects.values().get() == before


@pytest.mark.django_db
def test_a_cut_number_gives_wider_slots_that_begin_after_the_old_ones():
    number = a_number()
    before = take(number, 160)
    health.cut_rate(number.pk, now=NOW)

    after = take(number, 10)

    assert after.spacing == pytest.approx(2 * SPACING)
    assert after.first == pytest.approx(before.slot(160), abs=CRUMB)


@pytest.mark.django_db
def test_who_is_late_may_catch_up_but_never_beyond_the_limit():
    taken = take(a_number(), 25)

    assert 1 / RATE < taken.min_spacing <= taken.spacing


steps = st.tuples(
    st.integers(0, 1),  # which number
    st.integers(1, 60),  # how many slots
    st.floats(-0.5, 3.0, allow_nan=False),  # seconds since the step before; clocks may differ
    st.booleans(),  # whether its row is read again or what was read first is used
)


@pytest.mark.django_db
@hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(steps, max_size=15))
def test_slots_keep_the_law_whoever_asks_when(walk):
    PhoneNumber.objects.all().delete()
    rates = [80, 20]
    read_first = [a_number(rate_per_second=rate, daily_capacity=400) for rate in rates]
    given_out: list[list[float]] = [[], []]
    moment = START
    for which, count, pause, again in walk:
        moment += pause
        number = read_first[which]
        if again:
            number = PhoneNumber.objects.get(pk=number.pk)
        taken = reservation.reserve(number, count, now=datetime.fromtimestamp(moment, UTC))
        if taken is not None:
            mine = slots(taken)
            assert taken.count <= count
            assert mine[0] >= moment - CRUMB
            assert mine[-1] < moment + settings.SLOT_HORIZON_SECONDS
            assert mine[0] >= max(given_out[which], default=0)  # never between earlier ones
            given_out[which] += mine
    for number, rate, moments in zip(read_first, rates, given_out, strict=True):
        assert_within_the_rate(moments, rate)
        number.refresh_from_db()
        assert number.day_count == len(moments) <= 400


@pytest.mark.django_db(transaction=True)
def test_eight_threads_never_share_a_slot_nor_exceed_the_rate():
    number = a_number()
    together = Barrier(8)

    def reserve_often(_: int) -> list[Reservation | None]:
        try:
            together.wait(timeout=60)
            return [take(number, 7, now=timezone.now()) for _ in range(15)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as callers:
        taken = [one for many in callers.map(reserve_often, range(8)) for one in many if one]

    moments = slots(*taken)
    assert len(moments) == 7 * 15 * 8
    assert_within_the_rate(moments)


@pytest.mark.django_db(transaction=True)
def test_eight_threads_use_up_the_days_capacity_exactly():
    number = a_number(daily_capacity=100)
    together = Barrier(8)

    def reserve_until_full(_: int) -> int:
        try:
            together.wait(timeout=60)
            count = 0
            while PhoneNumber.objects.get(pk=number.pk).day_count < 100:
                taken = take(number, 7)
                count += taken.count if taken else 0
            return count
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as callers:
        assert sum(callers.map(reserve_until_full, range(8))) == 100


RESERVERS = """
import json, multiprocessing
import django; django.setup()
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone
from phonepool.numbers import pool
from tests.builders import a_number

def reserve_often(_):
    together.wait(timeout=60)
    taken = [pool.reserve(5, now=timezone.now()) for _ in range(20)]
    connections.close_all()
    return [(one.number_id, one.slot(place)) for one in taken if one for place in range(one.count)]

call_command("migrate", verbosity=0)
a_number(), a_number(rate_per_second=40)
connections.close_all()
fork = multiprocessing.get_context("fork")
together = fork.Barrier(8)
with fork.Pool(8) as processes:
    print(json.dumps(processes.map(reserve_often, range(8), chunksize=1)))
"""


@pytest.mark.services
def test_of_eight_processes_one_at_a_time_has_a_number_and_keeps_its_rate(postgres_url):
    environment = {
        **os.environ,
        "DATABASE_URL": postgres_url,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "NUMBER_LEASE_SECONDS": "60",  # however busy the machine is, none seems dead
        "NUMBER_TURN_SECONDS": "600",
    }
    done = subprocess.run(
        [sys.executable, "-c", RESERVERS],
        env=environment, cwd=ROOT, text=True, check=True, stdout=subprocess.PIPE, timeout=240,
    )  # fmt: skip

    slots_of: dict[int, list[float]] = {}
    turns: dict[int, list[tuple[float, float]]] = {}
    for taken in json.loads(done.stdout):
        for number_id in {number_id for number_id, _ in taken}:
            mine = sorted(moment for number, moment in taken if number == number_id)
            slots_of.setdefault(number_id, []).extend(mine)
            turns.setdefault(number_id, []).append((mine[0], mine[-1]))
    fast, slow = (sorted(moments) for _, moments in sorted(slots_of.items()))
    assert len(fast) + len(slow) >= 20 * 5  # the first to have a number got all it asked for
    assert_within_the_rate(fast, 80)
    assert_within_the_rate(slow, 40)
    for one in map(sorted, turns.values()):  # a number may be let go of to one that has none
        assert all(after[0] - before[1] > GAP_SECONDS for before, after in pairwise(one))


@given(count=st.integers(1, 60), parts=st.lists(st.integers(1, 30), min_size=1, max_size=60))
def test_slots_that_are_used_in_parts_are_the_same_slots(count, parts):
    whole = Reservation(1, "m", count, first=100.0, spacing=0.5, min_spacing=0.4)
    slots, rest = [], whole
    for size in [*parts, count]:
        if rest is None:
            break
        part, rest = rest.split(size)
        assert 1 <= part.count <= size
        slots += [part.slot(place) for place in range(part.count)]
    assert rest is None
    assert slots == [whole.slot(place) for place in range(count)]


@pytest.mark.django_db
def test_a_number_that_is_not_verified_gives_no_slot_and_makes_no_call():
    """Neither to who read it before, nor by a slot that was reserved before."""
    number = a_number()
    PhoneNumber.objects.update(verified_at=None)

    assert reservation.reserve(number, 1, now=NOW) is None
    query = "SELECT 1 WHERE " + reservation.OPEN_TO_CALLS
    with connection.cursor() as cursor:
        facts = {"number": number.pk, "clock": NOW.timestamp()}
        cursor.execute(query, facts)
        assert cursor.fetchone() is None
        PhoneNumber.objects.update(verified_at=NOW)
        cursor.execute(query, facts)
        assert cursor.fetchone() is not None
