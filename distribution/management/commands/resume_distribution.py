"""`manage.py resume_distribution ID`: resume a paused distribution once its cause is fixed."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from distribution.lifecycle import control


class Command(BaseCommand):
    help = (
        "Resume a paused distribution. One message is sent first to see whether the cause is fixed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", type=int, help="the distribution's number")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        distribution_id = options["id"]
        try:
            control.resume(distribution_id, now=timezone.now())
        except control.ControlError as error:
            raise CommandError(str(error)) from None
        waiting = control.waiting(distribution_id)
        self.stdout.write(
            f"Distribution {distribution_id} resumed. {waiting:,} people are waiting."
        )
