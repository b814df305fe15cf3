"""From a CSV file to subscribers: rows are upserted in chunks, refusals are reported one by one.

An import may add subscribers, correct their details and make a status more careful. It never
re-subscribes, resumes or revives: unsubscribed and paused subscribers stay as they are, and a phone
that sent STOP before becomes an unsubscribed subscriber.
Each chunk is one transaction, so a crash loses nothing that a second import does not complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PureWindowsPath
from typing import BinaryIO

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from subscribers import inserting
from subscribers.consent import decisions as consent
from subscribers.consent import erased_phones, suppressions
from subscribers.identity import locks
from subscribers.identity.matching import known_by_wa_id
from subscribers.identity.spellings import shared_spelling, spellings
from subscribers.importing import provenance
from subscribers.importing.columns import Columns, Refusal, Row
from subscribers.importing.plan import ChunkPlan
from subscribers.importing.repeated_phones import mark_repeated
from subscribers.importing.report import ImportObserver, ImportReport
from subscribers.importing.tables.csv_table import AnyTable, open_table
from subscribers.importing.tables.records import ImportRefused
from subscribers.models import ConsentEvent, ImportedPerson, Status, Subscriber, Suppression
from subscribers.text_cleaning import clean_line

CHUNK_ROWS = 500  # rows of one transaction: about 30 ms of the write lock on SQLite
KEPT_REFUSALS_LIMIT = 1_000  # in the report; all of them go to `on_refusal`
RACES_LIMIT = 5  # tries of a chunk whose new phones another import inserts at the same time

Kind = ConsentEvent.Kind
_KINDS: dict[Status | None, ConsentEvent.Kind] = {
    Status.PAUSED: Kind.PAUSE,
    Status.INVALID: Kind.UNREACHABLE,
    Status.UNSUBSCRIBED: Kind.OPT_OUT,
}
_BLANK = Subscriber()  # a blank cell leaves the default of the model
_NEW_DETAILS = {name: getattr(_BLANK, name) for name in ("name", "tier", "language", "email")}
_NEW_COLUMNS = ("phone", *_NEW_DETAILS, "attributes", "created_at", "updated_at")


def import_csv(
    source: BinaryIO | Path,
    *,
    consent_source: str,
    now: datetime,
    clock: Callable[[], datetime] | None = None,
    dry_run: bool = False,
    filename: str = "",
    actor: str = "",
    on_refusal: Callable[[Refusal], None] | None = None,
    observer: ImportObserver | None = None,
    chosen: Mapping[str, str] | None = None,
    job_id: int | None = None,
) -> ImportReport:
    """Bring subscribers in line with a CSV file; `dry_run` reports the same and writes nothing.

    `consent_source` says where and to what wording these people agreed; it is kept with each new
    subscriber. A dry run may leave it blank. `now` is when they agreed; `clock` gives each row's
    `updated_at`, by which other systems query changes. `chosen` says what columns are to be, as
    `Columns` has it; `job_id` is whose import it is. Raises ImportRefused for an unusable file.
    """
    if not (dry_run or clean_line(consent_source)):
        raise ImportRefused(_("Enter how these people consented (consent source)."))
    name = _base_name(filename or (source.name if isinstance(source, Path) else ""))
    report = ImportReport(filename=name, dry_run=dry_run)
    with open_table(source) as table:
        columns = Columns(table.header, chosen)
        report.encoding, report.delimiter = table.encoding, table.delimiter
        report.notes += [*table.notes, *columns.notes]
        writer = _Writer(
            report=report,
            digest=table.digest,
            notice=clean_line(consent_source),
            actor=actor,
            now=now,
            clock=clock or (lambda: now),
            observer=observer or ImportObserver(),
            job_id=job_id,
        )
        for chunk in _chunks(_accepted(table, columns, report, on_refusal)):
            writer.write(chunk)
    return report


def _base_name(filename: str) -> str:
    """The file's name without its folders, for the record only: it is never opened by it."""
    return clean_line(PureWindowsPath(filename).name)[:100]


def _accepted(
    table: AnyTable,
    columns: Columns,
    report: ImportReport,
    on_refusal: Callable[[Refusal], None] | None,
) -> Iterator[Row]:
    """The rows to be written; the others are counted, kept for the report and passed on."""
    for _line, row in mark_repeated(table.records(), columns):
        report.total += 1
        if isinstance(row, Row):
            yield row
            continue
        report.refused += 1
        if len(report.refusals) < KEPT_REFUSALS_LIMIT:
            report.refusals.append(row)
        if on_refusal:
            on_refusal(row)


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Up to CHUNK rows with no phone twice among them, in no spelling."""
    chunk: dict[str, Row] = {}
    for row in rows:
        phone = shared_spelling(row.phone)
        if len(chunk) == CHUNK_ROWS or phone in chunk:
            yield list(chunk.values())
            chunk = {}
        chunk[phone] = row
    if chunk:
        yield list(chunk.values())


@dataclass(kw_only=True)
class _Writer:
    """Writes chunks and counts them, each only once it is committed."""

    report: ImportReport
    digest: str
    notice: str
    actor: str
    now: datetime
    clock: Callable[[], datetime]
    observer: ImportObserver
    job_id: int | None

    def write(self, rows: Sequence[Row]) -> None:
        last_line = max(row.line for row in rows)
        if last_line <= self.observer.resume_after_line:
            self.observer.chunk_passed_over()
            return
        plan = self._plan(rows) if self.report.dry_run else self._write(rows, last_line)
        for name, count in plan.counts.items():
            setattr(self.report, name, getattr(self.report, name) + count)
        self.observer.chunk_counted(self.report, plan.results, last_line)

    def _plan(self, rows: Sequence[Row], *, locked: bool = False) -> ChunkPlan:
        its_spellings = {row.phone: spellings(row.phone) for row in rows}
        if locked:
            locks.lock_spellings(its_spellings)
        known = _known(its_spellings, locked=locked)
        unknown = its_spellings.keys() - known.keys()
        plan = ChunkPlan(suppressions.find_suppressed(unknown), erased_phones.find_erased(unknown))
        for row in rows:
            if row.repeats and row.phone in unknown and row.phone not in plan.erased:
                plan.count(row, "changed")  # a dry run: new on an earlier line, withdrawn here
            else:
                plan.add(row, known.get(row.phone))
        return plan

    def _write(self, rows: Sequence[Row], last_line: int) -> ChunkPlan:
        for race in range(RACES_LIMIT):
            try:
                with transaction.atomic():
                    plan = self._plan(rows, locked=True)
                    added = self._insert(plan.new, plan.stopped)
                    provenance.record(self.job_id, added, plan.named)
                    self._update(plan.changed)
                    self._move(plan.moves)
                    self.observer.chunk_written(plan.counts, last_line)
                    return plan
            except IntegrityError:  # another import was first with one of these phones
                if race == RACES_LIMIT - 1:
                    raise
        raise AssertionError("unreachable")

    def _insert(self, rows: Sequence[Row], stopped: dict[str, Suppression]) -> list[int]:
        if not rows:
            return []
        # By phone: two imports that insert the same people must not wait for each other in turn.
        rows, now = sorted(rows, key=lambda row: row.phone), self.clock()
        inserting.insert(Subscriber, _NEW_COLUMNS, [_person(row, now) for row in rows])
        people = Subscriber.objects.filter(phone__in=[row.phone for row in rows])
        pks = dict(people.values_list("phone", "pk"))
        decisions = [
            decision
            for row in rows
            for decision in self._first_decisions(pks[row.phone], row, stopped.get(row.phone))
        ]
        consent.record(decisions, now=now)
        return list(pks.values())

    def _update(self, people: Sequence[Subscriber]) -> None:
        """One upsert that always finds its row: `bulk_update` takes ten times as long."""
        now = self.clock()
        names = [*_NEW_DETAILS, "attributes", "updated_at"]
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
        if stop is not None:  # the person's STOP outranks a file
            yield consent.decision_of_suppression(pk, stop)
            return
        if row.status != Status.UNSUBSCRIBED:
            yield self._decision(pk, Kind.OPT_IN, row)
        if kind := _KINDS.get(row.status):
            yield self._decision(pk, kind, row)

    def _move(self, moves: Sequence[tuple[Subscriber, Row]]) -> None:
        decisions = [self._decision(person.pk, _KINDS[row.status], row) for person, row in moves]
        consent.record(decisions, now=self.clock())

    def _decision(self, pk: int, kind: ConsentEvent.Kind, row: Row) -> consent.Decision:
        evidence = provenance.event_evidence(kind, row.line, self.digest, self.now)
        source = provenance.event_source(self.report.filename)
        notice = self.notice if kind == Kind.OPT_IN else ""
        return consent.Decision(
            pk, kind, source, self.now, evidence, notice=notice, actor=self.actor
        )


def _known(its_spellings: Mapping[str, Sequence[str]], *, locked: bool) -> dict[str, Subscriber]:
    """Who has each phone: exactly, or else in another spelling, or else as WhatsApp calls them."""
    listed = {spelling for group in its_spellings.values() for spelling in group}
    stored = {person.phone: person for person in _people(Q(phone__in=listed), locked=locked)}
    known = {
        phone: next(stored[spelling] for spelling in group if spelling in stored)
        for phone, group in its_spellings.items()
        if not stored.keys().isdisjoint(group)
    }
    by_wa_id = known_by_wa_id(its_spellings.keys() - known.keys())
    if by_wa_id:
        found = _people(Q(pk__in=set(by_wa_id.values())), locked=locked)
        # Whom the file names by the stored phone, too, is one object for both rows.
        people = {person.pk: person for person in [*found, *stored.values()]}
        known |= {phone: people[pk] for phone, pk in by_wa_id.items() if pk in people}
    return known


def _people(condition: Q, *, locked: bool) -> QuerySet[Subscriber]:
    """Subscribers, with whether an import that can be undone added them."""
    added = ImportedPerson.objects.filter(subscriber=OuterRef("pk"), is_new=True)
    people = Subscriber.objects.filter(condition).annotate(is_undoable=Exists(added))
    return people.order_by("pk").select_for_update(no_key=True) if locked else people


def _person(row: Row, now: datetime) -> tuple[object, ...]:
    """The values of _NEW_COLUMNS."""
    details = (row.details.get(name, default) for name, default in _NEW_DETAILS.items())
    return (row.phone, *details, row.attributes, now, now)
