"""`demo --replay`: a recorded distribution once more, and whether everybody ends as recorded.

The sandbox answers each person as the record says; this makes the subscribers it names, waits for
the last report and compares.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils import timezone

from config.demo import recording
from config.demo.journal_verdict import SandboxClient
from config.demo.progress import print_line
from config.demo.recorded import WITHIN_SECONDS, Ending, Recorded
from distribution.lifecycle import control
from distribution.models import Delivery, Distribution, DistributionState

PATIENCE_SECONDS = 30.0  # for the last report to be posted and applied
SETTLED_SECONDS = 5.0  # after it, what differs stays different
POLL_INTERVAL_SECONDS = 1.0
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """One person who did not end as recorded."""

    person: int
    recorded: Ending
    replayed: Ending | None

    def __str__(self) -> str:
        now = self.replayed or "not among the recipients"
        return f"  person {self.person}: recorded {self.recorded}; now {now}"


def people_of(sandbox: SandboxClient) -> tuple[dict[str, int], dict[str, int]]:
    """The person of the record by phone (digits), and how many people are left out, by reason."""
    replay = sandbox.replay()
    return {phone: int(phone[-8:]) for phone in replay["people"]}, replay["left_out"]


def rows(recorded: Recorded, sandbox: SandboxClient) -> list[Sequence[str]]:
    """The subscriber list: everyone the sandbox answers as recorded."""
    people, left_out = people_of(sandbox)
    if left_out:
        parts = [f"{count:,} {why}" for why, count in left_out.items()]
        print_line(f"Not replayed: {', '.join(parts)}")
    return [
        (phone, f"Person {person}", recorded.tiers[person], "en", "Pune")
        for phone, person in people.items()
    ]


def finish(recorded: Recorded, distribution: Distribution, sandbox: SandboxClient) -> int:
    """Waits for the last report and says whether everybody ended as recorded; the exit code."""
    people, _ = people_of(sandbox)
    differences = wait_and_compare(recorded, people, distribution, sandbox)
    print_line(verdict(people, differences))
    return 1 if differences else 0


def resume_if_recorded(recorded: Recorded, distribution: Distribution) -> None:
    """Resume a pause that ended in the recorded run: nobody is there to do it by hand."""
    if recorded.was_resumed and distribution.state == DistributionState.PAUSED:
        print_line(f"It was paused and continues as recorded: {distribution.state_reason}")
        control.resume(distribution.pk, now=timezone.now())


def compare(
    recorded: Recorded, people: Mapping[str, int], distribution: Distribution
) -> list[Difference]:
    """Everybody whose delivery did not end as recorded."""
    found = Delivery.objects.filter(distribution=distribution)
    endings = {
        phone.removeprefix("+"): Ending(state, reason, progress)
        for phone, state, reason, progress in found.values_list(
            "phone", "state", "reason", "progress"
        )
    }
    return [
        Difference(person, recorded.endings[person], endings.get(phone))
        for phone, person in people.items()
        if endings.get(phone) != recorded.endings[person]
    ]


def wait_and_compare(
    recorded: Recorded,
    people: Mapping[str, int],
    distribution: Distribution,
    sandbox: SandboxClient,
) -> list[Difference]:
    """The differences once every report was applied."""
    recording.wait_for_reports(sandbox, seconds=WITHIN_SECONDS + PATIENCE_SECONDS)
    deadline = time.monotonic() + SETTLED_SECONDS
    while (differences := compare(recorded, people, distribution)) and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL_SECONDS)
    return differences


def verdict(people: Mapping[str, int], differences: Sequence[Difference]) -> str:
    """The last lines of a replay."""
    if not differences:
        return f"Replay: the final states of all {len(people):,} people agree with the record."
    lines = [f"Replay: {len(differences):,} of {len(people):,} people did not end as recorded:"]
    lines += map(str, differences[:SHOWN])
    if len(differences) > SHOWN:
        lines.append(f"  … and {len(differences) - SHOWN:,} more")
    return "\n".join(lines)
