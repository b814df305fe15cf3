"""The rows that a page is about: what it displayed, and how that differs from what is there now.

A form names its rows by a reference to the stored set, so 100,000 of them need one field and four
queries.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b, sha256
from typing import Any

from django.db.models import Model, QuerySet

from subscribers.models import ShownSet

STATE_BYTES = 8  # of the digest of one row's state
NAMES_TOLD = 20  # rows named on the page and in a difference; the others are counted
CHUNK_ROWS = 500  # read or named in one statement


@dataclass(frozen=True, slots=True)
class RowSet:
    """Primary keys in order, each with the digest of its state."""

    states: dict[int, bytes]

    @property
    def pks(self) -> list[int]:
        return list(self.states)

    @property
    def version(self) -> str:
        digest = sha256()
        for pk, state in self.states.items():
            digest.update(b"%d=" % pk + state)
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.states)


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of a page as a query, and the `facts` that make a row another one if they change.

    `name` is how a row is told to people; `unread` are large columns that neither it nor the action
    needs.
    """

    rows: QuerySet[Any]
    facts: Sequence[str] = ()
    name: Callable[[Any], str] = str
    unread: Sequence[str] = ()

    def read(self) -> RowSet:
        """What is selected now, by one query."""
        found = self.rows.order_by("pk").values_list("pk", *self.facts)
        return RowSet({row[0]: _digest(row[1:]) for row in found.iterator(chunk_size=10_000)})

    def names(self, pks: Sequence[int]) -> list[str]:
        """The first of these rows by name, and the count of the others."""
        first = list(pks)[:NAMES_TOLD]
        found = {row.pk: self.name(row) for row in self.each(first)}
        words = [found.get(pk, f"number {pk}, deleted") for pk in first]
        return [*words, f"{len(pks) - len(first):,} more"] if len(pks) > len(first) else words

    def each(self, pks: Sequence[int]) -> Iterator[Any]:
        """These rows, in order, as they are now."""
        model: type[Model] = self.rows.model
        for start in range(0, len(pks), CHUNK_ROWS):
            chunk = pks[start : start + CHUNK_ROWS]
            rows = model._default_manager.filter(pk__in=chunk).defer(*self.unread)
            yield from rows.order_by("pk")


def store(shown: RowSet, *, now: datetime) -> int:
    """Keep a displayed set for the form that is posted later; its reference."""
    pks = array("q", shown.states).tobytes()
    packed = zlib.compress(pks + b"".join(shown.states.values()), level=1)
    return ShownSet.objects.create(rows=packed, created_at=now).pk


def load(reference: int) -> RowSet | None:
    """A stored set; None if it is too old."""
    packed = ShownSet.objects.filter(pk=reference).values_list("rows", flat=True).first()
    if packed is None:
        return None
    raw = zlib.decompress(bytes(packed))
    count = len(raw) // (8 + STATE_BYTES)
    pks, states = array("q", raw[: count * 8]), raw[count * 8 :]
    return RowSet({pk: states[i * STATE_BYTES : (i + 1) * STATE_BYTES] for i, pk in enumerate(pks)})


def differences(before: RowSet, now: RowSet, selection: Selection) -> list[tuple[str, str, str]]:
    """Label, what was displayed, what is there now: who joined, who left, who is another now."""
    old, new = before.states, now.states
    joined = [pk for pk in new if pk not in old]
    left = [pk for pk in old if pk not in new]
    other = [pk for pk, state in new.items() if pk in old and old[pk] != state]
    told = [("How many", f"{len(old):,}", f"{len(new):,}")] if joined or left else []
    for label, pks in (("added", joined), ("gone", left), ("changed", other)):
        if pks:
            names = "; ".join(selection.names(pks))
            sides = ("", names) if label == "added" else (names, "")
            if label == "changed":
                sides = (names, "in another state")
            told.append((f"{len(pks):,} {label}", *sides))
    return told


def _digest(facts: Sequence[Any]) -> bytes:
    return blake2b(repr(facts).encode(), digest_size=STATE_BYTES).digest()
