"""Pacing on a clock of the test's own: order, spacing, and the law of the second."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonepool.cloud_api.pacing import GATHER_SECONDS, HEAD_START_SECONDS, Gate, Meter, Pacer


@dataclass(frozen=True)
class Slot:
    send_at: float
    phone_number_id: str = "one"
    spacing: float = 0.0
    name: str = ""


def drained(pacer: Pacer[Slot], *, now: float = 1e9) -> list[Slot]:
    taken = []
    while (slot := pacer.pop(now)) is not None:
        taken.append(slot)
    return taken


def a_pacer(*slots: Slot) -> Pacer[Slot]:
    pacer: Pacer[Slot] = Pacer()
    for slot in slots:
        pacer.add(slot)
    return pacer


def most_in_a_second(moments: list[float]) -> int:
    """The fullest window of one second that begins with one of `moments`."""
    ordered = sorted(moments)
    ends = (bisect_left(ordered, first + 1.0) for first in ordered)
    return max(end - place for place, end in enumerate(ends))


def test_messages_of_two_callers_go_in_the_order_of_their_slots() -> None:
    early, late = [Slot(1.0), Slot(3.0)], [Slot(2.0), Slot(4.0)]
    assert drained(a_pacer(*late, *early)) == [Slot(1.0), Slot(2.0), Slot(3.0), Slot(4.0)]


def test_equal_slots_go_in_the_order_of_their_coming() -> None:
    slots = [Slot(1.0, name=name) for name in "abc"]
    assert drained(a_pacer(*slots)) == slots


def test_nothing_is_handed_out_before_its_time() -> None:
    pacer = a_pacer(Slot(10.0))
    assert pacer.next_start() == 10.0 - HEAD_START_SECONDS
    assert pacer.pop(10.0 - HEAD_START_SECONDS - GATHER_SECONDS - 0.001) is None
    assert pacer.pop(10.0 - HEAD_START_SECONDS) == Slot(10.0)
    assert pacer.next_start() is None
    assert pacer.pop(11.0) is None


def test_a_number_that_must_wait_holds_up_no_other() -> None:
    crowded = [Slot(0.0, "busy", 1.0) for _ in range(3)]
    pacer = a_pacer(*crowded, Slot(0.5, "free", 1.0))
    assert drained(pacer, now=0.5) == [crowded[0], Slot(0.5, "free", 1.0)]


def test_an_overdue_crowd_is_handed_out_at_the_numbers_pace() -> None:
    pacer = a_pacer(*(Slot(0.0, spacing=0.1) for _ in range(30)))
    handed = [len(drained(pacer, now=5.0 + tick / 10)) for tick in range(5)]
    assert sum(handed) <= 6


def test_withdrawn_messages_are_gone_and_the_others_keep_their_order() -> None:
    slots = [Slot(float(n), name="ab"[n % 2]) for n in range(6)]
    pacer = a_pacer(*reversed(slots))
    assert sorted(s.send_at for s in pacer.withdraw(lambda s: s.name == "a")) == [0.0, 2.0, 4.0]
    assert [s.send_at for s in drained(pacer)] == [1.0, 3.0, 5.0]


@pytest.mark.parametrize("limit", [1, 5, 20, 50, 80, 1000])
@pytest.mark.parametrize("stall", [0.0, 0.004, 0.3, 2.5])
def test_a_second_never_holds_more_than_the_limit_and_one(limit: int, stall: float) -> None:
    """Slots at 98 % of the limit, and a process that stood still for `stall` seconds."""
    gate, slot = Gate(), 1 / (limit * 0.98)
    arrivals = [max(0.3 + stall if n * slot > 0.3 else 0.0, n * slot) for n in range(limit * 4)]
    turns = [gate.pass_at("one", 1 / limit, now) for now in arrivals]
    assert all(turn >= now for turn, now in zip(turns, arrivals, strict=True))
    assert most_in_a_second(turns) <= limit + 1


@settings(deadline=None)
@given(
    st.integers(1, 60),
    st.lists(st.floats(0, 0.2, allow_nan=False), min_size=2, max_size=150),
)
def test_no_rhythm_of_threads_gets_round_the_gate(limit: int, gaps: list[float]) -> None:
    gate, now, turns = Gate(), 0.0, []
    for gap in gaps:
        now += gap
        turns.append(gate.pass_at("one", 1 / limit, now))
    assert most_in_a_second(turns) <= limit + 1


def test_a_steady_stream_is_not_slowed_down() -> None:
    gate, slot = Gate(), 1 / (80 * 0.98)
    times = [n * slot for n in range(1000)]
    assert [gate.pass_at("one", 1 / 80, now) for now in times] == times


def test_a_thread_that_woke_late_costs_its_number_no_slot() -> None:
    gate, slot, late = Gate(), 1 / (80 * 0.98), 0.005
    turns = [gate.pass_at("one", 1 / 80, n * slot + (late if n % 7 == 0 else 0)) for n in range(99)]
    assert turns[-1] == pytest.approx(98 * slot, abs=late)


def test_each_number_has_a_gate_of_its_own() -> None:
    gate = Gate()
    assert gate.pass_at("one", 1.0, 5.0) == 5.0
    assert gate.pass_at("two", 1.0, 5.0) == 5.0
    assert gate.pass_at("one", 1.0, 5.0) == 5.5


def test_being_early_is_not_saved_up() -> None:
    meter = Meter()
    assert [meter.take(100.0, 1.0, 0.5) for _ in range(4)] == [100.0, 100.5, 101.5, 102.5]
    assert meter.take(200.0, 1.0, 0.5) == 200.0


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 0.4, allow_nan=False), st.integers(1, 40)), min_size=2, max_size=200
    )
)
def test_whatever_wakes_late_and_together_no_second_holds_more_writes_than_allowed(
    arrivals: list[tuple[float, int]],
) -> None:
    gate, now, writes = Gate(), 0.0, []
    for gap, limit in arrivals:
        now += gap
        while (wait := gate.enter("one", 1 / limit, now)) > 0:
            now += max(wait, 1e-9)
        writes.append((now, limit))
    for place, (at, limit) in enumerate(writes):
        in_this_second = [
            past for past, _ in writes[: place + 1] if past > at - 1.0 + 1e-9
        ]  # rounding
        assert len(in_this_second) <= limit


def test_a_steady_stream_of_writes_waits_for_nothing() -> None:
    gate, slot = Gate(), 1 / (80 * 0.97)
    spacing = 2 / (80 * 1.97)  # as the reservation allows to those who are late
    assert {gate.enter("one", spacing, n * slot) for n in range(1000)} == {0.0}
