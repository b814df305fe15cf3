"""The append-only journal of accepted messages, which tests use as the truth.

A written line is never changed or lost: it is passed to the operating system before the message is
answered. `hide_entries` hides earlier lines from readers; the file keeps them.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from sandbox.formats.compact_json import compact_bytes

_LINES_AT_ONCE = 500  # some 200 KB


class Journal:
    """Accepted messages as JSON lines by sequence number, from 1 and without gaps.

    Without a path they are in a temporary file, which ends with the process. Memory holds eight
    bytes per line.
    """

    def __init__(self, path: str = "") -> None:
        self._file = _open(Path(path)) if path else _open_temporary()
        self._ends = array("Q")  # of each line, in bytes from the start
        self._hidden_until = 0
        self._resume()

    def _resume(self) -> None:
        """Continues an existing file; a partial last line is removed: it was never answered."""
        with open(self._file, "rb", closefd=False) as file:
            for line in file:
                if line.endswith(b"\n"):
                    self._ends.append(self._start_after(self.last_seq) + len(line))
        os.ftruncate(self._file, self._start_after(self.last_seq))

    def _start_after(self, seq: int) -> int:
        return self._ends[seq - 1] if seq else 0

    @property
    def last_seq(self) -> int:
        """The number of the latest line; 0 when there is none."""
        return len(self._ends)

    def append(self, members: str) -> int:
        """Writes one accepted message and returns its sequence number.

        `members` are those of the JSON object, without braces and without `seq`.
        """
        seq = self.last_seq + 1
        line = f'{{"seq":{seq},{members}}}\n'.encode()
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._ends.append(self._start_after(seq - 1) + len(line))
        return seq

    def after(self, since: int, limit: int) -> Iterator[bytes]:
        """At most `limit` JSON lines with a sequence number above `since`, of those written until
        now; a part of the file at a time is in memory."""
        since = max(since, self._hidden_until)
        return self._lines(since, min(since + limit, self.last_seq))

    def _lines(self, since: int, last: int) -> Iterator[bytes]:
        while since < last:
            until = min(since + _LINES_AT_ONCE, last)
            start = self._start_after(since)
            yield from os.pread(self._file, self._ends[until - 1] - start, start).splitlines()
            since = until

    def hide_entries(self) -> None:
        """Hides everything so far from `after`; the sequence continues."""
        self._hidden_until = self.last_seq


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)


def _open_temporary() -> int:
    descriptor, name = tempfile.mkstemp()
    Path(name).unlink()
    return descriptor


class RefusalLog:
    """The latest calls that were not plainly accepted, for tests that count attempts."""

    def __init__(self, keep: int = 200_000) -> None:
        self._entries: deque[bytes] = deque(maxlen=keep)
        self.count = 0

    def append(self, entry: dict[str, object]) -> None:
        """Adds one refused or disturbed call."""
        self.count += 1
        self._entries.append(compact_bytes({"seq": self.count, **entry}))

    def all(self) -> Iterator[bytes]:
        """JSON lines, oldest first."""
        return iter(list(self._entries))
