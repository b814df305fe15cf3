"""The people of a record and how far each has come: which answer is due at the next call."""

from __future__ import annotations

import pickle
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.formats.values import InvalidValue
from sandbox.replay.calls import LeftOut, RecordedCall, calls_of, numbers_of
from sandbox.replay.file import read_rows
from sandbox.temporary_table import create_table
from sandbox.webhooks.timeline import Step

PHONE = "9177{:08d}"  # of the person with this number in the record; no sender has such a one
ERASED = "erased since"
_PERSON = re.compile("9177([0-9]{8})")
_TABLE = "CREATE TABLE people (no INTEGER PRIMARY KEY, calls BLOB, number INTEGER, place INTEGER)"
_ADD = "INSERT OR REPLACE INTO people VALUES (?, ?, ?, 0)"
_FIND = "SELECT calls, place FROM people WHERE no = ?"
_MOVE = "UPDATE people SET place = ? WHERE no = ?"
_WAITING = "SELECT count(*) FROM people WHERE place < number"


class Replay:
    """A record that is replayed; empty unless a file is given. Its people are in a temporary file,
    since there may be a million of them."""

    def __init__(self, path: str = "", numbers: Sequence[str] = (), within_s: float = 0.0) -> None:
        """`numbers`: the ids of those that can send, in the order of the record's names for them.
        `within_s`: no report comes later than so long after the message; 0: as recorded. Raises
        InvalidValue."""
        self._people = create_table(_TABLE)
        self._is_empty = True
        self.left_out: Counter[str] = Counter()
        self._names: set[str] = set()  # of the numbers in the record
        self._ids: dict[str, str] = {}
        if not path:
            return
        for row in read_rows(Path(path)):
            if row is None:
                self.left_out[ERASED] += 1
            else:
                self._add(row, within_s)
        if self._is_empty:
            raise InvalidValue(f"nobody in {path} can be replayed: {_told(self.left_out)}")
        self._name_numbers(numbers)

    def _add(self, row: dict[str, Any], within_s: float) -> None:
        no = row.get("person")
        if type(no) is not int or not 0 <= no < 10**8:
            raise InvalidValue("a row has no number of its person: it is no run record")
        self._names |= numbers_of(row)
        try:
            calls = calls_of(row)
        except LeftOut as why:
            self.left_out[str(why)] += 1
            return
        if within_s:
            calls = [_within(call, within_s) for call in calls]
        self._people.execute(_ADD, [no, pickle.dumps(calls), len(calls)])
        self._is_empty = False

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
        match = None if self._is_empty else _PERSON.fullmatch(to)
        if match is None:
            return None
        no = int(match[1])
        row = self._people.execute(_FIND, [no]).fetchone()
        if row is None:
            return None
        calls: list[RecordedCall] = pickle.loads(row[0])  # noqa: S301 - our own, of this process
        place: int = row[1]
        for call in calls[place:]:
            place += 1
            if not call.is_of_number or self._ids.get(call.number, number_id) == number_id:
                self._people.execute(_MOVE, [place, no])
                return call
        self._people.execute(_MOVE, [place, no])
        return calls[-1]

    def begin_again(self) -> None:
        self._people.execute("UPDATE people SET place = 0")

    def phones(self) -> Iterator[str]:
        """Of everybody who is replayed, in the order of the record."""
        for (no,) in self._people.execute("SELECT no FROM people ORDER BY no"):
            yield PHONE.format(no)

    def state(self) -> dict[str, object]:
        """Who is replayed, who is not, and whose calls have not come yet."""
        (waiting,) = self._people.execute(_WAITING).fetchone()
        return {"people": list(self.phones()), "waiting": waiting, "left_out": self.left_out}


def _within(call: RecordedCall, longest_s: float) -> RecordedCall:
    """The same with every report in time; those that are too late keep their order."""
    steps: Iterable[Step] = (replace(s, after_s=min(s.after_s, longest_s)) for s in call.steps)
    return replace(call, steps=tuple(steps))


def _told(left_out: Counter[str]) -> str:
    return ", ".join(f"{count} {why}" for why, count in left_out.items()) or "it has no rows"
