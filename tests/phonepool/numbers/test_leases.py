"""Several processes that send: a number belongs to one of them, and no second holds more than its
rate, whoever is late, frozen or dead, and whatever their clocks show."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from phonepool.cloud_api.pacing import Gate
from phonepool.models import PhoneNumber
from phonepool.numbers import handover, lending, pool, reservation
from phonepool.numbers.leases import GAP_SECONDS, RESUME_SECONDS, Sender
from phonepool.numbers.reservation import Reservation
from tests.builders import a_number

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 23, 0, 30, tzinfo=UTC).timestamp()
LEASE, RATE = 5.0, 20


@dataclass
class World:
    """One clock for all, and what the stand-in for Meta saw."""

    at: float = 1000.0
    sent: list[float] = field(default_factory=list)


@dataclass
class Process:
    """A sending process: its wall clock is `skew` off."""

    world: World
    skew: float = 0.0
    name: str = "one"
    gate: Gate = field(default_factory=Gate)
    waiting: list[tuple[float, Reservation]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sender = Sender(self.name, clock=lambda: self.world.at)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(START + self.world.at + self.skew, UTC)

    def reserve(self, count: int) -> Reservation | None:
        taken = pool.reserve(count, now=self.now, sender=self.sender)
        if taken is not None:
            ahead = self.world.at - self.now.timestamp()
            slots = [(taken.slot(place) + ahead, taken) for place in range(taken.count)]
            self.waiting = sorted([*self.waiting, *slots], key=lambda slot: slot[0])
        return taken

    def write_due(self) -> int:
        """Makes every call whose slot has come, at this very moment: as late as can be."""
        due = [slot for slot in self.waiting if slot[0] <= self.world.at]
        self.waiting = self.waiting[len(due) :]
        written = 0
        for place, (_, slots) in enumerate(due):
            if self.gate.enter(slots.meta_id, slots.min_spacing, self.world.at) > 0:
                self.waiting = [*due[place:], *self.waiting]
                break
            if not slots.lease.is_over:
                self.world.sent.append(self.world.at)
                written += 1
        return written


def fullest_second(moments: list[float]) -> int:
    ordered = sorted(moments)
    return max((bisect_right(ordered, at + 0.999) - n for n, at in enumerate(ordered)), default=0)


@pytest.fixture(autouse=True)
def lease(settings):
    settings.NUMBER_LEASE_SECONDS = LEASE
    settings.NUMBER_TURN_SECONDS = 30.0


def two(world: World, **fields: float) -> tuple[Process, Process]:
    return Process(world, name="one"), Process(world, name="two", **fields)


def test_two_gates_would_let_twice_the_rate_pass_and_a_lease_does_not():
    """The race, forced: both reserve, both are late, both write at the same moment."""
    number, world = a_number(rate_per_second=RATE), World()
    first, second = two(world)
    assert first.reserve(20)
    assert second.reserve(20) is None  # it asks for the number instead

    world.at += 2.0
    first.write_due(), second.write_due()

    assert 0 < fullest_second(world.sent) <= RATE
    number.refresh_from_db()
    assert (number.holder, number.wanted_by) == ("one", "two")
    # Without the lease it is what it was: the slots are exact, the gates count apart.
    without = World()
    for process in two(without):
        process.gate, process.waiting = Gate(), [(0.0, _slots(number)) for _ in range(20)]
        process.write_due()
    assert fullest_second(without.sent) > RATE


def _slots(number: PhoneNumber) -> Reservation:
    return Reservation(number.pk, number.meta_id, 20, 0.0, 0.05, 1 / (RATE * 0.985))


def test_a_dead_process_is_followed_by_another_that_begins_at_once():
    """Nor does the dead one send when it wakes up; and its slots are not waited for."""
    number, world = a_number(rate_per_second=RATE), World()
    dead, heir = two(world, skew=3_600.0)  # an hour apart: no clocks are compared
    slots = dead.reserve(200)
    assert slots is not None
    assert heir.reserve(20) is None

    world.at += LEASE + GAP_SECONDS - 0.01
    assert heir.reserve(20) is None
    world.at += 0.02
    taken = heir.reserve(20)

    assert taken is not None
    assert taken.first == pytest.approx(heir.now.timestamp())
    assert slots.lease.is_over
    assert dead.write_due() == 0
    assert dead.reserve(1) is None
    number.refresh_from_db()
    assert (number.holder, number.renewals) == ("two", 2)


def test_a_process_that_reserves_again_and_again_keeps_its_number():
    a_number(rate_per_second=RATE)
    world = World()
    first, second = two(world)
    for _ in range(6):
        assert first.reserve(5)
        assert second.reserve(5) is None
        world.at += LEASE - 0.5
    assert reservation.keep(first.waiting[-1][1], now=first.now, sender=first.sender)
    assert second.reserve(1) is None


def test_one_that_waits_far_from_its_slots_extends_the_lease_before_it_marks_them():
    number, world = a_number(rate_per_second=RATE), World()
    first, second = two(world)
    slots = first.reserve(200)
    assert slots is not None
    assert second.reserve(1) is None
    for _ in range(4):
        world.at += LEASE / 2 + 0.1
        assert reservation.keep(slots, now=first.now, sender=first.sender)
        assert second.reserve(1) is None
    world.at += 60.0
    assert second.reserve(1) is not None
    assert not reservation.keep(slots, now=first.now, sender=first.sender)
    number.refresh_from_db()
    assert number.holder == "two"


def test_a_lease_of_yesterday_keeps_a_process_that_has_just_started_from_nothing():
    a_number(rate_per_second=RATE)
    world = World()
    yesterday, today = two(world)
    yesterday.reserve(5)
    world.at += 86_400.0
    assert today.reserve(5) is not None


def test_numbers_are_shared_evenly_and_what_was_reserved_is_sent_before():
    numbers = [a_number(rate_per_second=RATE) for _ in range(4)]
    world = World()
    first, second = two(world)
    for _ in range(4):
        first.reserve(10)
    for _ in range(40):
        world.at += 0.25
        first.reserve(2), second.reserve(2)
        first.write_due(), second.write_due()

    holders = PhoneNumber.objects.order_by("pk").values_list("holder", flat=True)
    assert sorted(holders) == ["one", "one", "two", "two"]
    assert {number.pk for number in numbers} == set(
        PhoneNumber.objects.values_list("pk", flat=True)
    )
    assert not any(slots.lease.is_over for _, slots in first.waiting + second.waiting)


def test_with_fewer_numbers_than_processes_they_take_turns_of_half_a_minute():
    number, world = a_number(rate_per_second=RATE), World()
    first, second = two(world)
    changes, last = [], ""
    while world.at < 1_100.0:
        for process in (first, second):
            process.reserve(2)
            process.write_due()
        number.refresh_from_db()
        if number.holder != last:
            changes.append(world.at)
            last = number.holder
        world.at += 0.25
    assert len(changes) == 4
    assert all(30.0 <= after - before <= 34.0 for before, after in pairwise(changes))
    assert fullest_second(world.sent) <= RATE


def test_a_process_with_nothing_left_to_send_gives_its_number_to_one_that_waits():
    number, world = a_number(rate_per_second=RATE), World()
    first, second = two(world)
    with handover.sending(first.sender, lambda: first.now):
        first.reserve(RATE // 2)
        with handover.sending(first.sender, lambda: first.now):
            world.at += 0.5
            assert second.reserve(RATE) is None  # it asks
        number.refresh_from_db()
        assert number.lease_seconds == LEASE  # another batch is still under way
        world.at += 1.0
        assert first.write_due() == RATE // 2
    world.at += 0.1
    assert second.reserve(RATE) is None

    world.at += handover.LATE_SECONDS + GAP_SECONDS
    assert second.reserve(RATE)


def test_a_number_that_nobody_took_after_all_is_used_again():
    number, world = a_number(rate_per_second=RATE), World()
    first, _ = two(world)
    first.reserve(1)
    PhoneNumber.objects.update(wanted_by="three, which died")
    world.at += 31.0
    first.reserve(1)  # a new turn: nothing was reserved for longer than a lease
    PhoneNumber.objects.update(wanted_by="three, which died")
    for _ in range(10):
        world.at += 3.1
        first.reserve(1)
    assert first.reserve(1) is None
    world.at += handover.LATE_SECONDS + RESUME_SECONDS + 0.1
    assert first.reserve(1) is not None
    number.refresh_from_db()
    assert (number.holder, number.wanted_by) == ("one", "")


def test_a_process_that_ends_leaves_its_numbers_to_the_next_one_a_second_later():
    a_number(rate_per_second=RATE), a_number(rate_per_second=RATE)
    world = World()
    first, second = two(world)
    taken = [first.reserve(1), first.reserve(1)]
    assert handover.release(first.sender, first.now) == 2
    assert all(slots is not None and slots.lease.is_over for slots in taken)
    assert second.reserve(1) is None
    world.at += GAP_SECONDS + 0.01
    assert second.reserve(1) is not None


@pytest.mark.parametrize("rate", [2, 5, 20, 80, 1000])
def test_a_test_send_fits_beside_a_full_second_of_the_holder(rate):
    number, world = a_number(rate_per_second=rate, daily_capacity=10_000), World()
    holder = Process(world)
    slots = holder.reserve(rate)
    assert slots is not None
    lent = [lending.slot(now=holder.now) for _ in range(3)]
    moments = [one.first for one in lent if one is not None]

    assert max(1, int(1 / slots.min_spacing)) + 1 <= rate
    assert [after - before for before, after in pairwise(moments)] == (
        [lending.LENT_SPACING_SECONDS] * 2
    )
    assert all(
        one is not None and one.late_seconds + 1.0 < lending.LENT_SPACING_SECONDS for one in lent
    )
    number.refresh_from_db()
    assert (number.holder, number.day_count) == ("one", slots.count + 3)
    PhoneNumber.objects.update(rate_per_second=1)  # no room beside the holder: an ordinary slot
    assert lending.slot(now=holder.now) is None


steps = st.tuples(
    st.integers(0, 2),  # which process
    st.integers(0, 30),  # slots it reserves; 0: none
    st.booleans(),  # whether its calls are made now, or are late
    st.sampled_from([0.0, 0.02, 0.3, 0.97, 2.6, 6.2, 31.0]),  # seconds until the next step
)


@hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(steps, min_size=10, max_size=40),
    st.tuples(*[st.sampled_from([-40.0, 0.0, 0.5, 40.0])] * 3),
)
def test_no_second_holds_more_than_the_rate_whoever_is_late(walk, skews):
    PhoneNumber.objects.all().delete()
    number, world = a_number(rate_per_second=RATE, daily_capacity=10**6), World()
    processes = [Process(world, skew, f"p{n}") for n, skew in enumerate(skews)]
    for which, count, writes, pause in walk:
        if count:
            processes[which].reserve(count)
        if writes:
            processes[which].write_due()
        world.at += pause
    for process in processes:  # those that were frozen wake up
        process.write_due()
    assert fullest_second(world.sent) <= RATE
    assert PhoneNumber.objects.get(pk=number.pk).day_count >= len(world.sent)
    assert settings.SLOT_UTILISATION < 1
