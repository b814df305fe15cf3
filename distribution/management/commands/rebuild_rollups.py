"""`manage.py rebuild_rollups FROM TO`: the figures of these days against their deliveries."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from distribution.analytics import rollups


class Command(BaseCommand):
    help = "Recount the finished distributions of these days. With --check, only compare."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("first", type=date.fromisoformat, metavar="FROM")
        parser.add_argument("last", type=date.fromisoformat, metavar="TO")
        parser.add_argument(
            "--check", action="store_true", help="change nothing; exit with 1 if they differ"
        )

    def handle(self, *_: Any, first: date, last: date, check: bool, **__: Any) -> None:
        if check:
            differing = rollups.differing(first, last)
            if differing:
                names = ", ".join(str(one) for one in differing)
                raise CommandError(f"These figures differ from the deliveries: {names}.")
            self.stdout.write("The figures match the deliveries.")
            return
        self.stdout.write(
            f"{rollups.rebuild(first, last, now=timezone.now())} distributions recounted."
        )
