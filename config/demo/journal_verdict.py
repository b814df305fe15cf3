"""What the sandbox's journal proves: who was really written to, how often and how fast.

The journal and not our own tables answers "was anybody missed or written to twice?".
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import requests


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One message the sandbox accepted."""

    to: str  # digits with country code
    number: str  # Meta's id of the sender
    at: float  # Unix seconds of acceptance
    arrived: float  # Unix seconds of the request's arrival


class Sandbox:
    """The sandbox's control side."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()

    def journal(self) -> list[Acceptance]:
        entries = self._get("/control/journal")["entries"]
        return [
            Acceptance(e["to"], e["phone_number_id"], e["accepted_at"], e["arrived_at"])
            for e in entries
        ]

    def stats(self) -> dict[str, Any]:
        return self._get("/control/stats")

    def post(self, path: str, body: Any) -> None:
        self._session.post(self.url + path, json=body, timeout=10).raise_for_status()

    def delete(self, path: str) -> None:
        self._session.delete(self.url + path, timeout=10).raise_for_status()

    def _get(self, path: str) -> dict[str, Any]:
        answer = self._session.get(self.url + path, timeout=60)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """The journal against the list of those who should have been written to."""

    accepted: int
    missed: int
    duplicates: int
    strangers: int  # written to though nobody asked for it
    first: float
    last: float
    by_number: dict[str, list[float]]  # acceptance times, sorted
    peaks: dict[str, int]  # most arrivals in any one second


def judge(journal: Iterable[Acceptance], expected: set[str], excused: set[str]) -> Verdict:
    """`expected` are the digits of all recipients; `excused` those with a reason not to have it."""
    entries = list(journal)
    times = Counter(entry.to for entry in entries)
    by_number: dict[str, list[float]] = defaultdict(list)
    arrivals: dict[str, list[float]] = defaultdict(list)
    for entry in entries:
        by_number[entry.number].append(entry.at)
        arrivals[entry.number].append(entry.arrived)
    moments = [entry.at for entry in entries]
    return Verdict(
        accepted=len(times),
        missed=len(expected - set(times) - excused),
        duplicates=sum(count - 1 for count in times.values()),
        strangers=len(set(times) - expected),
        first=min(moments, default=0.0),
        last=max(moments, default=0.0),
        by_number={number: sorted(found) for number, found in by_number.items()},
        peaks={number: peak(found) for number, found in arrivals.items()},
    )


def peak(moments: Iterable[float], window: float = 1.0) -> int:
    """The most moments in any half-open window of that many seconds."""
    ordered = sorted(moments)
    return max(
        (bisect_left(ordered, start + window) - place for place, start in enumerate(ordered)),
        default=0,
    )
