"""From a CSV file to subscribers: rows are upserted in chunks, refusals are reported one by one.

An import may add people, correct their details and make a status more careful. It never
re-subscribes, resumes or revives anybody: those who left, or were paused, stay as they are, and
who said STOP before we knew them is taken in as somebody who left.
Each chunk is one transaction, so a crash loses nothing that a second import does not complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PureWindowsPath
from typing import BinaryIO

from django.db import IntegrityError, transaction

from subscribers import inserting
from subscribers.consent import decisions as consent
from subscribers.consent import erased_phones, suppressions
from subscribers.importing.columns import Columns, Refusal, Row
from subscribers.importing.csv_table import AnyTable, ImportRefused, open_table
from subscribers.importing.repeated_phones import Repeated, sift
from subscribers.models import ConsentEvent, Status, Subscriber, Suppression
from subscribers.text_cleaning import tidy

__all__ = ["ImportRefused", "ImportReport", "Refusal", "Verdict", "Watch", "import_csv"]

CHUNK = 500  # rows of one transaction: about 30 ms of the write lock on SQLite
KEPT_REFUSALS = 1_000  # in the report; all of them go to `on_refusal`
RACES = 5  # tries of a chunk whose new phones another import inserts at the same time

Kind = ConsentEvent.Kind
_KINDS: dict[Status | None, ConsentEvent.Kind] = {
    Status.PAUSED: Kind.PAUSE,
    Status.INVALID: Kind.UNREACHABLE,
    Status.UNSUBSCRIBED: Kind.OPT_OUT,
}
_BLANK = Subscriber()  # a cell that says nothing leaves what the model sets
_NEW_DETAILS = {name: getattr(_BLANK, name) for name in ("name", "tier", "language", "email")}
_NEW_COLUMNS = ("phone", *_NEW_DETAILS, "attributes", "created_at", "updated_at")
# What a file may turn a status into: never towards writing to somebody again.
_MAY_BECOME: dict[Status, set[Status | None]] = {
    Status.ACTIVE: {Status.PAUSED, Status.INVALID, Status.UNSUBSCRIBED},
    Status.PAUSED: {Status.UNSUBSCRIBED},
    Status.INVALID: {Status.UNSUBSCRIBED},
    Status.UNSUBSCRIBED: set(),
}


@dataclass(slots=True)
class ImportReport:
    """What became of each row: total = new + changed + unchanged + kept_opted_out + refused."""

    filename: str
    dry_run: bool
    encoding: str = ""
    delimiter: str = ""
    total: int = 0  # rows that hold anything
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    kept_opted_out: int = 0  # had unsubscribed: nothing of theirs touched; or said STOP unknown
    refused: int = 0
    kept_inactive: int = 0  # of the changed and unchanged: paused or invalid before and after
    duplicates: int = 0  # of the refused: the phone stands on an earlier line
    refusals: list[Refusal] = field(default_factory=list)  # the first KEPT_REFUSALS


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one row that is taken, and what it changes: field, before, after."""

    row: Row
    count: str  # the report's count it adds to
    changes: tuple[tuple[str, str, str], ...] = ()


class Watch:
    """Somebody who follows an import: told of each chunk, and asked where to go on."""

    done_to = 0  # chunks that end on this line or before it were committed by an earlier try

    def committing(self, plan: Counter[str], last_line: int) -> None:
        """A chunk was written; called inside its transaction, so both are kept or neither."""

    def read(self, report: ImportReport, verdicts: Sequence[Verdict], last_line: int) -> None:
        """A chunk is done, and counted."""


def import_csv(
    source: BinaryIO | Path,
    *,
    consent_source: str,
    now: datetime,
    clock: Callable[[], datetime] | None = None,
    dry_run: bool = False,
    filename: str = "",
    actor: str = "",
    region: str = "IN",
    on_refusal: Callable[[Refusal], None] | None = None,
    watch: Watch | None = None,
) -> ImportReport:
    """Bring subscribers in line with a CSV file; `dry_run` reports the same and writes nothing.

    `consent_source` says where and to what wording these people agreed; it is kept with each new
    subscriber. A dry run may leave it blank. They agreed at `now`, `clock` says when each row is
    written: who asks for what changed since, asks for that. Raises ImportRefused if nothing can be.
    """
    if not (dry_run or tidy(consent_source)):
        raise ImportRefused("Say where these people agreed to be written to (consent source).")
    name = _base_name(filename or (source.name if isinstance(source, Path) else ""))
    report = ImportReport(filename=name, dry_run=dry_run)
    with open_table(source) as table:
        columns = Columns(table.header, region=region)
        report.encoding, report.delimiter = table.encoding, table.delimiter
        notice, clock, watch = tidy(consent_source), clock or (lambda: now), watch or Watch()
        writer = _Writer(report, table.digest, notice, actor, now, clock=clock, watch=watch)
        for chunk in _chunks(_accepted(table, columns, report, on_refusal)):
            writer.write(chunk)
    return report


def _base_name(filename: str) -> str:
    """The file's name without its folders, for the record only: it is never opened by it."""
    return tidy(PureWindowsPath(filename).name)[:100]


def _accepted(
    table: AnyTable,
    columns: Columns,
    report: ImportReport,
    on_refusal: Callable[[Refusal], None] | None,
) -> Iterator[Row]:
    """The rows to be written; the others are counted, kept for the report and passed on."""
    for _, row in sift(table.records(), columns):
        report.total += 1
        if isinstance(row, Row):
            yield row
            continue
        report.refused += 1
        report.duplicates += isinstance(row, Repeated)
        if len(report.refusals) < KEPT_REFUSALS:
            report.refusals.append(row)
        if on_refusal:
            on_refusal(row)


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Up to CHUNK rows with no phone twice among them."""
    chunk: dict[str, Row] = {}
    for row in rows:
        if len(chunk) == CHUNK or row.phone in chunk:
            yield list(chunk.values())
            chunk = {}
        chunk[row.phone] = row
    if chunk:
        yield list(chunk.values())


class _Plan:
    """What a chunk asks for, given what the database holds."""

    def __init__(self, stopped: dict[str, Suppression], forgotten: set[str]) -> None:
        self.counts: Counter[str] = Counter()
        self.verdicts: list[Verdict] = []
        self.stopped = stopped  # of the new ones, by phone
        self.forgotten = forgotten
        self.new: list[Row] = []
        self.changed: list[Subscriber] = []
        self.moves: list[tuple[Subscriber, Row]] = []  # to a more careful status

    def add(self, row: Row, known: Subscriber | None) -> None:
        if known is None:
            self._add_new(row)
        elif known.status == Status.UNSUBSCRIBED:
            agrees = row.status == Status.UNSUBSCRIBED
            self.count(row, "unchanged" if agrees else "kept_opted_out")
        else:
            self._add_known(row, known)

    def count(self, row: Row, count: str, changes: Sequence[tuple[str, str, str]] = ()) -> None:
        self.counts[count] += 1
        self.verdicts.append(Verdict(row, count, tuple(changes)))

    def _add_new(self, row: Row) -> None:
        if row.phone in self.forgotten:  # asked to be erased: not even the number is taken again
            self.count(row, "kept_opted_out")
            return
        against = row.phone in self.stopped and row.status != Status.UNSUBSCRIBED
        self.count(row, "kept_opted_out" if against else "new")
        self.new.append(row)

    def _add_known(self, row: Row, known: Subscriber) -> None:
        moves = row.status in _MAY_BECOME[Status(known.status)]
        changes = _update(known, row)
        if changes:
            self.changed.append(known)
        if moves:
            self.moves.append((known, row))
            changes.append(("status", known.status, str(row.status)))
        elif known.status != Status.ACTIVE:
            self.counts["kept_inactive"] += 1
        self.count(row, "changed" if changes else "unchanged", changes)


class _Writer:
    """Writes chunks and counts them, each only once it is committed."""

    def __init__(
        self,
        report: ImportReport,
        digest: str,
        notice: str,
        actor: str,
        now: datetime,
        *,
        clock: Callable[[], datetime],
        watch: Watch,
    ) -> None:
        self._report = report
        self._source = f"import:{report.filename}".removesuffix(":")
        self._digest, self._notice, self._actor = digest, notice, actor
        self._now, self._clock = now, clock
        self._watch = watch
        self._promised: set[str] = set()  # by a dry run: new phones that are not in the database

    def write(self, rows: Sequence[Row]) -> None:
        last_line = max(row.line for row in rows)
        if last_line <= self._watch.done_to:
            return
        if self._report.dry_run:
            plan = self._plan(rows)
            self._promised.update(row.phone for row in plan.new)
        else:
            plan = self._write(rows, last_line)
        for name, count in plan.counts.items():
            setattr(self._report, name, getattr(self._report, name) + count)
        self._watch.read(self._report, plan.verdicts, last_line)

    def _plan(self, rows: Sequence[Row], *, locked: bool = False) -> _Plan:
        subscribers = Subscriber.objects.filter(phone__in=[row.phone for row in rows])
        if locked:
            subscribers = subscribers.order_by("pk").select_for_update(no_key=True)
        known = {subscriber.phone: subscriber for subscriber in subscribers}
        strange = {row.phone for row in rows} - known.keys()
        plan = _Plan(suppressions.stopped(strange), erased_phones.among(strange))
        for row in rows:
            if row.phone in self._promised:  # its first line was new, this one withdraws
                plan.count(row, "changed")
            else:
                plan.add(row, known.get(row.phone))
        return plan

    def _write(self, rows: Sequence[Row], last_line: int) -> _Plan:
        for race in range(RACES):
            try:
                with transaction.atomic():
                    plan = self._plan(rows, locked=True)
                    self._insert(plan.new, plan.stopped)
                    self._update(plan.changed)
                    self._move(plan.moves)
                    self._watch.committing(plan.counts, last_line)
                    return plan
            except IntegrityError:  # another import was first with one of these phones
                if race == RACES - 1:
                    raise
        raise AssertionError("unreachable")

    def _insert(self, rows: Sequence[Row], stopped: dict[str, Suppression]) -> None:
        if not rows:
            return
        # By phone: two imports that insert the same people must not wait for each other in turn.
        rows, now = sorted(rows, key=lambda row: row.phone), self._clock()
        inserting.insert(Subscriber, _NEW_COLUMNS, [_person(row, now) for row in rows])
        people = Subscriber.objects.filter(phone__in=[row.phone for row in rows])
        pks = dict(people.values_list("phone", "pk"))
        decisions = [
            decision
            for row in rows
            for decision in self._first_decisions(pks[row.phone], row, stopped.get(row.phone))
        ]
        consent.record(decisions, now=now)

    def _update(self, people: Sequence[Subscriber]) -> None:
        """One upsert that always finds its row: `bulk_update` takes ten times as long."""
        now = self._clock()
        names = ["name", "tier", "language", "email", "attributes", "updated_at"]
        copies = [
            Subscriber(
                phone=person.phone,
                status=person.status,
                **{name: getattr(person, name) for name in names[:-1]},
                updated_at=now,
            )
            for person in sorted(people, key=lambda person: person.phone)
        ]
        Subscriber.objects.bulk_create(
            copies, update_conflicts=True, unique_fields=["phone"], update_fields=names
        )

    def _first_decisions(
        self, pk: int, row: Row, stop: Suppression | None
    ) -> Iterator[consent.Decision]:
        if stop is not None:  # the person's own word: a file is no answer to it
            yield consent.stop_of_a_stranger(pk, stop)
            return
        if row.status != Status.UNSUBSCRIBED:
            yield self._decision(pk, Kind.OPT_IN, row)
        if kind := _KINDS.get(row.status):
            yield self._decision(pk, kind, row)

    def _move(self, moves: Sequence[tuple[Subscriber, Row]]) -> None:
        decisions = [self._decision(who.pk, _KINDS[row.status], row) for who, row in moves]
        consent.record(decisions, now=self._clock())

    def _decision(self, pk: int, kind: ConsentEvent.Kind, row: Row) -> consent.Decision:
        # Names the very file and the moment: another file of the same name is other evidence.
        evidence = (
            f"{kind} on line {row.line}, SHA-256 {self._digest[:16]}, {self._now.isoformat()}"
        )
        notice = self._notice if kind == Kind.OPT_IN else ""
        return consent.Decision(
            pk, kind, self._source, self._now, evidence, notice=notice, actor=self._actor
        )


def _person(row: Row, now: datetime) -> tuple[object, ...]:
    """The values of _NEW_COLUMNS."""
    told = (row.details.get(name, default) for name, default in _NEW_DETAILS.items())
    return (row.phone, *told, row.attributes, now, now)


def _update(person: Subscriber, row: Row) -> list[tuple[str, str, str]]:
    """Take over what the row says, a blank cell says nothing; the fields that differ."""
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
