"""`manage.py verify_record FILE`: whether a record is whole, unchanged and signed."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from distribution.records import verifying
from distribution.records.verifying import NotARecord, Verified


class Command(BaseCommand):
    help = "Verify the signed record of a distribution: signature, rows and sums. Changes nothing."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a record, as downloaded")
        parser.add_argument("--key-id", help="the id that the key must have")
        parser.add_argument("--previous", type=Path, help="the record before this one")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            found = verifying.verify(options["file"])
            before = verifying.verify(options["previous"]) if options["previous"] else None
        except NotARecord as error:
            raise CommandError(str(error)) from None
        problems = [*found.problems, *_expectations(found, before, options["key_id"])]
        self.stdout.write(_summary(found))
        if problems:
            raise CommandError("\n".join(problems))
        self.stdout.write("The record is whole and unchanged.")


def _expectations(found: Verified, before: Verified | None, key_id: str | None) -> list[str]:
    problems = []
    if key_id and found.key_id != key_id:
        problems.append(f"It is signed with the key {found.key_id}, not with {key_id}.")
    if before is not None:
        problems += [f"The record before: {problem}" for problem in before.problems]
        if found.manifest.get("previous") != before.digest:
            problems.append("The record before is another one: the chain is broken.")
    return problems


def _summary(found: Verified) -> str:
    about = found.manifest.get("distribution", {})
    erased = f", {found.erased:,} of them erased" if found.erased else ""
    return (
        f"Record {found.manifest.get('no')} of distribution {about.get('id')} "
        f"({about.get('kind')}, {about.get('day')}): {found.rows:,} rows{erased}.\n"
        f"Key {found.key_id}. Digest {found.digest}."
    )
