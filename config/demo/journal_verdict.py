"""Compares the sandbox's journal with the expected recipients: missed, duplicates, rates.

The journal, not our own tables, decides whether a recipient was missed or got two messages.
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
    arrived: float  # Unix seconds at which the request arrived


class SandboxClient:
    """Client of the sandbox's control API."""

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

    def replay(self) -> dict[str, Any]:
        """The people it answers as recorded, and how many it leaves out, by reason."""
        return self._get("/control/replay")

    def post(self, path: str, body: Any) -> None:
        self._session.post(self.url + path, json=body, timeout=10).raise_for_status()

    def delete(self, path: str) -> None:
        self._session.delete(self.url + path, timeout=10).raise_for_status()

    def _get(self, path: str) -> dict[str, Any]:
        answer = self._session.get(self.url + path, timeout=60)
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document


@dataclass(frozen=True, slots=True)
class JournalVerdict:
    """The journal compared with the expected recipients."""

    accepted: int
    missed: int
    duplicates: int
    unexpected: int  # phones that got a message and are no recipients
    first: float  # Unix seconds of the first acceptance
    last: float  # Unix seconds of the last acceptance
    by_number: dict[str, list[float]]  # sorted acceptance times by Meta's id of the sender
    peaks: dict[str, int]  # most arrivals within one second, by Meta's id of the sender


def compare(journal: Iterable[Acceptance], expected: set[str], excused: set[str]) -> JournalVerdict:
    """`expected`: the digits of all recipients; `excused`: of those with a reason to get none."""
    entries = list(journal)
    times = Counter(entry.to for entry in entries)
    by_number: dict[str, list[float]] = defaultdict(list)
    arrivals: dict[str, list[float]] = defaultdict(list)
    for entry in entries:
        by_number[entry.number].append(entry.at)
        arrivals[entry.number].append(entry.arrived)
    moments = [entry.at for entry in entries]
    return JournalVerdict(
        accepted=len(times),
        missed=len(expected - set(times) - excused),
        duplicates=sum(count - 1 for count in times.values()),
        unexpected=len(set(times) - expected),
        first=min(moments, default=0.0),
        last=max(moments, default=0.0),
        by_number={number: sorted(accepted) for number, accepted in by_number.items()},
        peaks={number: peak(arrived) for number, arrived in arrivals.items()},
    )


def peak(moments: Iterable[float], window: float = 1.0) -> int:
    """The largest number of moments in any half-open window of `window` seconds."""
    ordered = sorted(moments)
    return max(
        (bisect_left(ordered, start + window) - place for place, start in enumerate(ordered)),
        default=0,
    )
