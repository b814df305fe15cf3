"""`demo --replay`: a recorded distribution once more, and whether everybody ends as recorded.

The sandbox answers each person as the record says; this makes the subscribers it names, waits for
the last report and compares.
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

from django.utils import timezone

from config.demo import recording
from config.demo.journal_verdict import SandboxClient
from config.demo.progress import print_line
from config.demo.recorded import WITHIN_SECONDS, Ending, Recorded
from distribution.lifecycle import control
from distribution.models import Delivery, Distribution, DistributionState
from subscribers.paging import in_pages

PATIENCE_SECONDS = 30.0  # for the last report to be posted and applied
SETTLED_SECONDS = 5.0  # after it, what differs stays different
POLL_INTERVAL_SECONDS = 1.0
SHOWN = 20
PERSON_DIGITS = 8  # the last ones of the phone that the sandbox gives to a person


@dataclass(frozen=True, slots=True)
class Difference:
    """One person who did not end as recorded."""

    person: int
    recorded: Ending
    replayed: Ending | None

    def __str__(self) -> str:
        now = self.replayed or "not among the recipients"
        return f"  person {self.person}: recorded {self.recorded}; now {now}"


def person_of(phone: str) -> int:
    """The person of the record by the digits of the phone that stands for it."""
    return int(phone[-PERSON_DIGITS:])


def people_of(sandbox: SandboxClient) -> Sequence[int]:
    """The people of the record that are replayed, in order."""
    return array("Q", sorted(map(person_of, sandbox.replayed())))


def rows(recorded: Recorded, sandbox: SandboxClient) -> Iterator[Sequence[str]]:
    """The subscriber list: everyone the sandbox answers as recorded."""
    if left_out := sandbox.left_out():
        parts = [f"{count:,} {why}" for why, count in left_out.items()]
        print_line(f"Not replayed: {', '.join(parts)}")
    for phone in sandbox.replayed():
        person = person_of(phone)
        yield phone, f"Person {person}", recorded.tiers[person], "en", "Pune"


def finish(recorded: Recorded, distribution: Distribution, sandbox: SandboxClient) -> int:
    """Waits for the last report and says whether everybody ended as recorded; the exit code."""
    people = people_of(sandbox)
    differences = wait_and_compare(recorded, people, distribution, sandbox)
    print_line(verdict(people, differences))
    return 1 if differences else 0


def resume_if_recorded(recorded: Recorded, distribution: Distribution) -> None:
    """Resume after a pause if the recorded run was resumed: a replay has no operator."""
    if recorded.was_resumed and distribution.state == DistributionState.PAUSED:
        print_line(f"It was paused and continues as recorded: {distribution.state_reason}")
        control.resume(distribution.pk, now=timezone.now())


def compare(
    recorded: Recorded, people: Sequence[int], distribution: Distribution
) -> list[Difference]:
    """Everybody whose delivery did not end as recorded. `people` are in order, each once."""
    found = Delivery.objects.filter(distribution=distribution)
    endings = in_pages(found.values_list("phone", "state", "reason", "progress"))
    missing = bytearray(b"\1") * len(people)
    differences = []
    for phone, state, reason, progress in endings:
        person = person_of(phone)
        place = bisect_left(people, person)
        if place == len(people) or people[place] != person:
            continue  # not of the record
        missing[place] = 0
        replayed = Ending(state, reason, progress)
        if replayed != recorded.endings[person]:
            differences.append(Difference(person, recorded.endings[person], replayed))
    differences += [
        Difference(person, recorded.endings[person], None) for person in compress(people, missing)
    ]
    return sorted(differences, key=lambda one: one.person)


def wait_and_compare(
    recorded: Recorded,
    people: Sequence[int],
    distribution: Distribution,
    sandbox: SandboxClient,
) -> list[Difference]:
    """The differences once every report was applied."""
    recording.wait_for_reports(sandbox, seconds=WITHIN_SECONDS + PATIENCE_SECONDS)
    deadline = time.monotonic() + SETTLED_SECONDS
    while (differences := compare(recorded, people, distribution)) and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL_SECONDS)
    return differences


def verdict(people: Sequence[int], differences: Sequence[Difference]) -> str:
    """The last lines of a replay."""
    if not differences:
        return f"Replay: the final states of all {len(people):,} people agree with the record."
    lines = [f"Replay: {len(differences):,} of {len(people):,} people did not end as recorded:"]
    lines += map(str, differences[:SHOWN])
    if len(differences) > SHOWN:
        lines.append(f"  … and {len(differences) - SHOWN:,} more")
    return "\n".join(lines)
