"""`manage.py import_subscribers FILE`: the importer on the command line."""

from __future__ import annotations

import csv
import io
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from subscribers.importing.columns import Refusal
from subscribers.importing.jobs import UPLOAD_BYTES_LIMIT
from subscribers.importing.report import ImportReport
from subscribers.importing.stored_files import BLOCK_BYTES
from subscribers.importing.tables import workbook
from subscribers.importing.tables.records import ImportRefused
from subscribers.importing.upsert import import_csv
from subscribers.spreadsheets import escape_formula

SHOWN_REFUSALS = 20
OPERATOR_CONSENT_SOURCE = "Stated by whoever ran manage.py import_subscribers"
_COUNTS = ("new", "changed", "unchanged", "kept_opted_out", "refused")
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


class Command(BaseCommand):
    help = "Import subscribers from a CSV, XLSX or JSON lines file, as the admin does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file",
            help=f"CSV, XLSX or JSON lines, up to {UPLOAD_BYTES_LIMIT // 2**20} MB. "
            "- reads standard input",
        )
        parser.add_argument("--dry-run", action="store_true", help="check only, save nothing")
        parser.add_argument(
            "--consent-source",
            default=OPERATOR_CONSENT_SOURCE,
            metavar="TEXT",
            help="where these people consented, and to what text. Kept as evidence. "
            "Without it, only that you said so is kept",
        )
        parser.add_argument(
            "--refused", type=Path, metavar="FILE.csv", help="write every refused line to this file"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        name = options["file"]
        try:
            with (
                _opened(name) as (file, notes),
                _refusal_file(options["refused"]) as on_refusal,
            ):
                report = import_csv(
                    file,
                    consent_source=options["consent_source"],
                    now=timezone.now(),
                    clock=timezone.now,
                    dry_run=options["dry_run"],
                    filename="standard input" if name == "-" else name,
                    on_refusal=on_refusal,
                )
        except ImportRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        report.notes[:0] = notes
        self._print_counts(report)
        self._print_refusals(report)

    def _print_counts(self, report: ImportReport) -> None:
        form = f"{report.encoding}, separated by {_SEPARATORS[report.delimiter]}"
        self.stdout.write(f"{report.filename}: {report.total:,} rows, {form}")
        for note in report.notes:
            self.stdout.write(note)
        for name in _COUNTS:
            self.stdout.write(f"  {name.replace('_', ' '):<15}{getattr(report, name):>9,}")
        if report.kept_inactive:
            self.stdout.write(f"{report.kept_inactive:,} stay paused or invalid.")
        if report.dry_run:
            self.stdout.write("Dry run. Nothing was saved.")

    def _print_refusals(self, report: ImportReport) -> None:
        for refusal in report.refusals[:SHOWN_REFUSALS]:
            cell = f", {refusal.column} “{refusal.raw}”" if refusal.column else ""
            self.stderr.write(f"line {refusal.line}{cell}: {refusal.reason}")
        if report.refused > SHOWN_REFUSALS:
            more = report.refused - SHOWN_REFUSALS
            self.stderr.write(f"… and {more:,} more: --refused FILE.csv writes them all.")


@contextmanager
def _opened(name: str) -> Iterator[tuple[BinaryIO, list[str]]]:
    """The file as text, a workbook turned into CSV, and what to know of its sheets."""
    with ExitStack() as stack:
        try:
            if name == "-":
                file = stack.enter_context(_copied(sys.stdin.buffer))
            else:
                file = stack.enter_context(Path(name).open("rb"))
            is_workbook = workbook.is_workbook(file.read(4))
            size = file.seek(0, io.SEEK_END)
        except OSError as error:
            raise ImportRefused(f"The file cannot be opened: {error.strerror}.") from error
        if size > UPLOAD_BYTES_LIMIT:
            limit = UPLOAD_BYTES_LIMIT // 2**20
            raise ImportRefused(f"The file is larger than {limit} MB. Split it.")
        file.seek(0)
        if is_workbook:
            content, notes = workbook.read_list(file.read())
            yield io.BytesIO(content), notes
        else:
            yield file, []


@contextmanager
def _copied(stream: BinaryIO) -> Iterator[BinaryIO]:
    """A pipe on disk, because a list is read twice; not much more of it than is allowed."""
    with tempfile.TemporaryFile() as copy:
        while copy.tell() <= UPLOAD_BYTES_LIMIT and (block := stream.read(BLOCK_BYTES)):
            copy.write(block)
        copy.seek(0)
        yield copy


@contextmanager
def _refusal_file(path: Path | None) -> Iterator[Callable[[Refusal], None] | None]:
    """A function that appends a refusal to the file at `path`, or None without a path."""
    if path is None:
        yield None
        return
    try:
        file = path.open("w", encoding="utf-8-sig", newline="")  # Excel reads UTF-8 by the mark
    except OSError as error:
        raise CommandError(f"Cannot write {path}: {error.strerror}.") from error
    with file:
        rows = csv.writer(file)
        rows.writerow(["line", "column", "reason", "cell"])
        yield lambda refusal: rows.writerow(
            [
                refusal.line,
                escape_formula(refusal.column),
                refusal.reason,
                escape_formula(refusal.raw),
            ]
        )
