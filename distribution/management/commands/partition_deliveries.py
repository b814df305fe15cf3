"""`manage.py partition_deliveries`: deliveries in partitions, for a million messages a day."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from distribution.ledger.partitions import conversion
from distribution.ledger.partitions.conversion import ConversionRefusedError


class Command(BaseCommand):
    help = (
        "Turn the table of deliveries into partitions by ranges of distributions (PostgreSQL). "
        "There is no way back: take a backup before."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="change nothing; say what would be done"
        )

    def handle(self, *_: Any, dry_run: bool, verbosity: int, **__: Any) -> None:
        tell = self.stdout.write if verbosity else lambda _: None
        try:
            if dry_run:
                for sentence in conversion.plan().sentences():
                    self.stdout.write(sentence)
                return
            conversion.convert(tell)
        except ConversionRefusedError as refusal:
            raise CommandError(str(refusal)) from None
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") == "55P03":  # lock_not_available
                raise CommandError(
                    "The table is in use and could not be locked. Nothing has changed; stop the "
                    "processes, or try again at a quieter time."
                ) from None
            raise
        tell("The deliveries are in partitions now. Restart all processes.")
