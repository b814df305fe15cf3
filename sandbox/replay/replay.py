"""The people of a record and how far each has come: which answer is due at the next call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox.formats.values import InvalidValue
from sandbox.replay.calls import LeftOut, RecordedCall, calls_of, numbers_of
from sandbox.replay.file import read_rows
from sandbox.webhooks.timeline import Step

PHONE = "9177{:08d}"  # of the person with this number in the record; no sender has such a one
ERASED = "erased since"


@dataclass(slots=True)
class RecordedPerson:
    """One person's calls, in order, and how many of them were answered or passed over."""

    calls: Sequence[RecordedCall]
    place: int = 0


class Replay:
    """A record that is replayed; empty unless a file is given."""

    def __init__(self, path: str = "", numbers: Sequence[str] = (), within_s: float = 0.0) -> None:
        """`numbers`: the ids of those that can send, in the order of the record's names for them.
        `within_s`: no report comes later than so long after the message; 0: as recorded. Raises
        InvalidValue."""
        self.people: dict[str, RecordedPerson] = {}
        self.left_out: Counter[str] = Counter()
        self._names: set[str] = set()  # of the numbers in the record
        self._ids: dict[str, str] = {}
        if not path:
            return
        for row in read_rows(Path(path)):
            if row is None:
                self.left_out[ERASED] += 1
            else:
                self._add(row)
        if not self.people:
            raise InvalidValue(f"nobody in {path} can be replayed: {_told(self.left_out)}")
        self._name_numbers(numbers)
        if within_s:
            for person in self.people.values():
                person.calls = [_within(call, within_s) for call in person.calls]

    def _add(self, row: dict[str, Any]) -> None:
        no = row.get("person")
        if type(no) is not int or not 0 <= no < 10**8:
            raise InvalidValue("a row has no number of its person: it is no run record")
        self._names |= numbers_of(row)
        try:
            self.people[PHONE.format(no)] = RecordedPerson(calls_of(row))
        except LeftOut as why:
            self.left_out[str(why)] += 1

    def _name_numbers(self, ids: Sequence[str]) -> None:
        names = sorted(self._names - {""})
        if len(names) > len(ids):
            raise InvalidValue(
                f"the record has {len(names)} phone numbers ({', '.join(names)}), the sandbox "
                f"{len(ids)}: add --number"
            )
        self._ids = dict(zip(names, ids, strict=False))

    def next_call(self, to: str, number_id: str) -> RecordedCall | None:
        """The answer that is due to this person's next call; None for anybody else. What said that
        a number cannot send is for that number only; after the last answer, it is given again."""
        person = self.people.get(to)
        if person is None:
            return None
        for place in range(person.place, len(person.calls)):
            call = person.calls[place]
            if not call.is_of_number or self._ids.get(call.number, number_id) == number_id:
                person.place = place + 1
                return call
        person.place = len(person.calls)
        return person.calls[-1]

    def begin_again(self) -> None:
        for person in self.people.values():
            person.place = 0

    def state(self) -> dict[str, object]:
        """Who is replayed, who is not, and whose calls have not come yet."""
        waiting = sum(person.place < len(person.calls) for person in self.people.values())
        return {"people": list(self.people), "waiting": waiting, "left_out": self.left_out}


def _within(call: RecordedCall, longest_s: float) -> RecordedCall:
    """The same with every report in time; those that are too late keep their order."""
    steps: Iterable[Step] = (replace(s, after_s=min(s.after_s, longest_s)) for s in call.steps)
    return replace(call, steps=tuple(steps))


def _told(left_out: Counter[str]) -> str:
    return ", ".join(f"{count} {why}" for why, count in left_out.items()) or "it has no rows"
