"""The append-only journal of accepted messages, which tests use as the truth.

A written line is never changed or lost: with a file, each line is passed to the operating system
before the message is answered. `hide_entries` hides earlier lines from readers; the file keeps
them.
"""

from __future__ import annotations

import os
from array import array
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from sandbox.compact_json import compact_bytes


class Lines(Protocol):
    """Storage of lines, numbered from 1."""

    def __len__(self) -> int: ...

    def add(self, line: bytes) -> None:
        """Stores one line, without a line break."""

    def between(self, first: int, last: int) -> Iterator[bytes]:
        """Lines `first` to `last`, both included."""


class MemoryLines:
    """Lines of a sandbox without a journal file."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: bytes) -> None:
        """Stores one line."""
        self._lines.append(line)

    def between(self, first: int, last: int) -> Iterator[bytes]:
        """Lines `first` to `last`."""
        return iter(self._lines[first - 1 : last])


class FileLines:
    """Lines in a JSONL file; memory holds eight bytes per line."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._ends = array("Q")
        self._end = 0
        self._resume(path)

    def _resume(self, path: Path) -> None:
        """Continues an existing file; a partial last line is removed: it was never answered."""
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    self._end += len(line)
                    self._ends.append(self._end)
        os.ftruncate(self._descriptor, self._end)

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, line: bytes) -> None:
        """Appends one line and passes it to the operating system."""
        rest = memoryview(line + b"\n")
        self._end += len(rest)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self._ends.append(self._end)

    def between(self, first: int, last: int) -> Iterator[bytes]:
        """Lines `first` to `last`, read back from the file."""
        last = min(last, len(self._ends))
        if first > last:
            return iter(())
        start = self._ends[first - 2] if first > 1 else 0
        block = os.pread(self._descriptor, self._ends[last - 1] - start, start)
        return iter(block.splitlines())


class Journal:
    """Accepted messages by sequence number, from 1 and without gaps."""

    def __init__(self, path: str = "") -> None:
        self._lines: Lines = FileLines(Path(path)) if path else MemoryLines()
        self._hidden_until = 0

    @property
    def last_seq(self) -> int:
        """The number of the latest line; 0 when there is none."""
        return len(self._lines)

    def append(self, members: str) -> int:
        """Writes one accepted message and returns its sequence number.

        `members` are those of the JSON object, without braces and without `seq`.
        """
        seq = len(self._lines) + 1
        self._lines.add(f'{{"seq":{seq},{members}}}'.encode())
        return seq

    def after(self, since: int, limit: int) -> list[bytes]:
        """At most `limit` JSON lines with a sequence number above `since`."""
        first = max(since, self._hidden_until) + 1
        return list(self._lines.between(first, min(first + limit - 1, self.last_seq)))

    def hide_entries(self) -> None:
        """Hides everything so far from `after`; the sequence continues."""
        self._hidden_until = self.last_seq


class RefusalLog:
    """The latest calls that were not plainly accepted, for tests that count attempts."""

    def __init__(self, keep: int = 200_000) -> None:
        self._entries: deque[bytes] = deque(maxlen=keep)
        self.count = 0

    def append(self, entry: dict[str, object]) -> None:
        """Adds one refused or disturbed call."""
        self.count += 1
        self._entries.append(compact_bytes({"seq": self.count, **entry}))

    def all(self) -> list[bytes]:
        """JSON lines, oldest first."""
        return list(self._entries)
