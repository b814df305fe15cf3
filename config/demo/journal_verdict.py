"""Compares the sandbox's journal with the expected recipients: missed, duplicates, rates.

The journal, not our own tables, decides whether a recipient was missed or got two messages.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import requests

TIMEOUT_SECONDS = 60
CHUNK_BYTES = 64 * 1024
MOST_DIGITS = 15  # of a phone number with its country code


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

    def journal(self) -> Iterator[Acceptance]:
        """Every accepted message in order, read as it comes: there may be a million."""
        for line in self._lines("/control/journal?format=jsonl"):
            e = json.loads(line)
            yield Acceptance(e["to"], e["phone_number_id"], e["accepted_at"], e["arrived_at"])

    def stats(self) -> dict[str, Any]:
        return self._get("/control/stats")

    def replayed(self) -> Iterator[str]:
        """The phones, as digits, of the people it answers as recorded."""
        for line in self._lines("/control/replay?format=lines"):
            yield line.decode()

    def left_out(self) -> dict[str, int]:
        """How many people of the record it leaves out, by reason."""
        found: dict[str, int] = self.stats()["replay_left_out"]
        return found

    def post(self, path: str, body: Any) -> None:
        self._session.post(self.url + path, json=body, timeout=10).raise_for_status()

    def delete(self, path: str) -> None:
        self._session.delete(self.url + path, timeout=10).raise_for_status()

    def _lines(self, path: str) -> Iterator[bytes]:
        with self._session.get(self.url + path, stream=True, timeout=TIMEOUT_SECONDS) as answer:
            answer.raise_for_status()
            yield from answer.iter_lines(chunk_size=CHUNK_BYTES)

    def _get(self, path: str) -> dict[str, Any]:
        answer = self._session.get(self.url + path, timeout=TIMEOUT_SECONDS)
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
    by_number: Mapping[str, Sequence[float]]  # sorted acceptance times by Meta's id of the sender
    peaks: dict[str, int]  # most arrivals within one second, by Meta's id of the sender


def compare(
    journal: Iterable[Acceptance], expected: Iterable[str], excused: Iterable[str]
) -> JournalVerdict:
    """`expected`: the digits of all recipients; `excused`: of those with a reason to get none.

    All three are read once and kept as eight bytes each: there may be a million.
    """
    phones, others = array("Q"), Counter[str]()
    accepted: dict[str, array[float]] = defaultdict(lambda: array("d"))
    arrived: dict[str, array[float]] = defaultdict(lambda: array("d"))
    for entry in journal:
        if _is_phone(entry.to):
            phones.append(int(entry.to))
        else:
            others[entry.to] += 1
        accepted[entry.number].append(entry.at)
        arrived[entry.number].append(entry.arrived)
    by_number = {number: _sorted(moments) for number, moments in accepted.items()}
    recipients, once = _distinct(map(int, expected)), _distinct(phones)
    return JournalVerdict(
        accepted=len(once) + len(others),
        missed=_count_absent(_absent(recipients, once), _distinct(map(int, excused))),
        duplicates=len(phones) - len(once) + others.total() - len(others),
        unexpected=_count_absent(once, recipients) + len(others),
        first=min((moments[0] for moments in by_number.values()), default=0.0),
        last=max((moments[-1] for moments in by_number.values()), default=0.0),
        by_number=by_number,
        peaks={number: peak(moments) for number, moments in arrived.items()},
    )


def _is_phone(to: str) -> bool:
    """Whether these are the digits of a phone number, and not a user id."""
    return to.isascii() and to.isdigit() and len(to) <= MOST_DIGITS and to[0] != "0"


def _sorted(moments: Iterable[float]) -> array[float]:
    return array("d", sorted(moments))


def _distinct(phones: Iterable[int]) -> array[int]:
    """In order, each once."""
    return array("Q", (phone for phone, _ in groupby(sorted(array("Q", phones)))))


def _absent(phones: Iterable[int], others: Sequence[int]) -> Iterator[int]:
    """Those of `phones` that are not in `others`; both in order and each once."""
    place = 0
    for phone in phones:
        while place < len(others) and others[place] < phone:
            place += 1
        if place == len(others) or others[place] != phone:
            yield phone


def _count_absent(phones: Iterable[int], others: Sequence[int]) -> int:
    return sum(1 for _ in _absent(phones, others))


def peak(moments: Iterable[float], window: float = 1.0) -> int:
    """The largest number of moments in any half-open window of `window` seconds."""
    ordered = _sorted(moments)
    most = start = 0
    for place, moment in enumerate(ordered, 1):
        while ordered[start] + window <= moment:
            start += 1
        most = max(most, place - start)
    return most
