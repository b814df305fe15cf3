"""Two processes that send share the phone numbers, and either can go at any moment."""

from __future__ import annotations

import signal

import pytest

from config.processes import programs
from phonepool.models import PhoneNumber
from tests.faults.checker import assert_kept

PEOPLE = 400
FIRST = programs.SENDING[0]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(build):
    house = build(PEOPLE)
    stack = house.stack
    child = programs.workers(stack.env, stack.folder / "ready", senders=2)[-1]
    stack.begin(child)
    return house


def holders() -> dict[int, list[float]]:
    """By the pid of each process that has numbers: for how long it has them, in seconds."""
    found: dict[int, list[float]] = {}
    for holder, seconds in PhoneNumber.objects.values_list("holder", "lease_seconds"):
        if holder:
            found.setdefault(int(holder.split("-")[-2]), []).append(seconds)
    return found


@pytest.mark.parametrize(
    "end", [pytest.param(signal.SIGKILL, id="killed"), pytest.param(signal.SIGTERM, id="stopped")]
)
def test_f13_one_of_two_senders_ends_and_the_other_sends_from_its_numbers(house, end):
    stack = house.stack
    morning = house.open()
    one, other = f"worker-{FIRST}", f"worker-{FIRST}-2"
    pid = stack.supervisor.processes[one].pid
    both = {pid, stack.supervisor.processes[other].pid}
    stack.wait(lambda: both <= set(holders()), "both have numbers")

    stack.signal_tree(one, end)
    stack.wait(
        lambda: not any(holders().get(pid, ())), "its numbers are free, or another process's"
    )
    morning.wait_ended()

    assert morning.tally() == {"ACCEPTED": PEOPLE}
    assert_kept(stack, morning.pk)
