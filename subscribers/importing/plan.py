"""What a chunk of rows changes, given what the database holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from subscribers.importing.columns import Row
from subscribers.importing.report import RowResult
from subscribers.models import Status, Subscriber, Suppression

# Which statuses a file may change to which: never to one that receives messages again.
_MAY_BECOME: dict[Status, set[Status | None]] = {
    Status.ACTIVE: {Status.PAUSED, Status.INVALID, Status.UNSUBSCRIBED},
    Status.PAUSED: {Status.UNSUBSCRIBED},
    Status.INVALID: {Status.UNSUBSCRIBED},
    Status.UNSUBSCRIBED: set(),
}


class ChunkPlan:
    """The changes of a chunk, by kind."""

    def __init__(self, stopped: dict[str, Suppression], erased: set[str]) -> None:
        self.counts: Counter[str] = Counter()
        self.results: list[RowResult] = []
        self.stopped = stopped  # of the new ones, by phone
        self.erased = erased
        self.new: list[Row] = []
        self.named: list[int] = []  # of those whom an import that can be undone added
        self.changed: list[Subscriber] = []
        self._changed: set[int] = set()
        self.moves: list[tuple[Subscriber, Row]] = []  # to a more careful status

    def add(self, row: Row, known: Subscriber | None) -> None:
        if known is None:
            self._add_new(row)
            return
        if getattr(known, "is_undoable", False):
            self.named.append(known.pk)
        if known.status == Status.UNSUBSCRIBED:
            agrees = row.status == Status.UNSUBSCRIBED
            self.count(row, "unchanged" if agrees else "kept_opted_out")
        else:
            self._add_known(row, known)

    def count(self, row: Row, count: str, changes: Sequence[tuple[str, str, str]] = ()) -> None:
        self.counts[count] += 1
        self.results.append(RowResult(row, count, tuple(changes)))

    def _add_new(self, row: Row) -> None:
        if row.phone in self.erased:  # erased on request: not even the number is stored again
            self.count(row, "kept_opted_out")
            return
        against = row.phone in self.stopped and row.status != Status.UNSUBSCRIBED
        self.count(row, "kept_opted_out" if against else "new")
        self.new.append(row)

    def _add_known(self, row: Row, known: Subscriber) -> None:
        moves = row.status in _MAY_BECOME[Status(known.status)]
        changes = _take_over(known, row)
        if changes and known.pk not in self._changed:  # a file may name them by two numbers
            self._changed.add(known.pk)
            self.changed.append(known)
        if moves:
            self.moves.append((known, row))
            changes.append(("status", known.status, str(row.status)))
        elif known.status != Status.ACTIVE:
            self.counts["kept_inactive"] += 1
        self.count(row, "changed" if changes else "unchanged", changes)


def _take_over(person: Subscriber, row: Row) -> list[tuple[str, str, str]]:
    """Apply a row's cells that are not blank to a subscriber; returns what differs."""
    changes = [
        (name, str(getattr(person, name)), value)
        for name, value in row.details.items()
        if getattr(person, name) != value
    ]
    changes += [
        (name, str(person.attributes.get(name, "")), value)
        for name, value in row.attributes.items()
        if person.attributes.get(name) != value
    ]
    for name, value in row.details.items():
        setattr(person, name, value)
    person.attributes = {**person.attributes, **row.attributes}
    return changes
