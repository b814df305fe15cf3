"""Updates that wait for their time: the earliest in memory, what is too many in a file.

A million messages have three million updates of a kilobyte each. They wait for hours when people
read late, or while the receiver of the webhooks is down.
"""

from __future__ import annotations

import heapq
import pickle
from itertools import count
from math import inf

from sandbox.temporary_table import create_table
from sandbox.webhooks.payloads import Update

MOST_IN_MEMORY = 40_000
AT_ONCE = 5_000  # go into the file or come out of it: some 50 ms
_TABLE = "CREATE TABLE waiting (due REAL, place INTEGER, content BLOB, PRIMARY KEY (due, place))"
_FIRST = "SELECT due, place, content FROM waiting ORDER BY due, place LIMIT ?"

_Entry = tuple[float, int, Update]


class Waiting:
    """By due time, then in the order in which they came."""

    def __init__(self) -> None:
        self._soon: list[_Entry] = []  # a heap; each is due before what is late
        self._late: list[_Entry] = []  # on the way into the file
        self._late_from = inf
        self._file = create_table(_TABLE)
        self._in_file = 0
        self._whole: dict[int, Update] = {}  # by place: of these the file has the place only
        self._places = count()

    def __len__(self) -> int:
        return len(self._soon) + len(self._late) + self._in_file

    def push(self, due: float, update: Update, *, shared: bool = False) -> None:
        """`shared`: the same object is queued twice, and must come out as the same."""
        entry = (due, next(self._places), update)
        if shared or update.uses is not None:
            self._whole[entry[1]] = update
        if due >= self._late_from:
            self._late.append(entry)
            if len(self._late) >= AT_ONCE:
                self._write_late()
            return
        heapq.heappush(self._soon, entry)
        if len(self._soon) > MOST_IN_MEMORY:
            self._soon.sort()
            self._late += self._soon[-AT_ONCE:]
            del self._soon[-AT_ONCE:]
            self._late_from = self._late[-AT_ONCE][0]
            self._write_late()

    def pop_due(self, now: float) -> Update | None:
        """Takes out the first one if it is due."""
        if not self._soon and self._late_from <= now:
            self._read_first()
        if not self._soon or self._soon[0][0] > now:
            return None
        _, place, update = heapq.heappop(self._soon)
        self._whole.pop(place, None)
        return update

    def count_due(self, now: float) -> int:
        """How many could be taken out."""
        in_memory = sum(entry[0] <= now for entry in (*self._soon, *self._late))
        if self._late_from > now:
            return in_memory
        found = self._file.execute("SELECT count(*) FROM waiting WHERE due <= ?", [now])
        return in_memory + int(found.fetchone()[0])

    def _write_late(self) -> None:
        rows = [
            (due, place, b"" if place in self._whole else pickle.dumps(update))
            for due, place, update in self._late
        ]
        self._file.executemany("INSERT INTO waiting VALUES (?, ?, ?)", rows)
        self._in_file += len(rows)
        self._late.clear()

    def _read_first(self) -> None:
        self._write_late()
        rows = self._file.execute(_FIRST, [AT_ONCE]).fetchall()
        last = rows[-1][:2]
        self._file.execute("DELETE FROM waiting WHERE (due, place) <= (?, ?)", last)
        self._in_file -= len(rows)
        self._soon = [  # in order, hence a heap
            (due, place, pickle.loads(content) if content else self._whole[place])  # noqa: S301
            for due, place, content in rows
        ]
        following = self._file.execute(_FIRST, [1]).fetchone()
        self._late_from = following[0] if following else inf
