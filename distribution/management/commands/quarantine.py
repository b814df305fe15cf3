"""`manage.py quarantine`: before the first start on a restored database."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime, timedelta
from getpass import getuser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from distribution.interventions import quarantine
from distribution.interventions.quarantine import MARGIN, Step


class Command(BaseCommand):
    help = (
        "Doubt every delivery whose fate a restored database may have forgotten, so that nobody "
        "is written to twice. Stop worker, beat and keeper first. Only shows what it would do, "
        "unless --yes is given."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--restored-to", required=True, help="the moment of the backup, e.g. 2026-11-23T06:01"
        )
        parser.add_argument("--reason", required=True, help="why; kept in the alerts")
        parser.add_argument(
            "--margin-minutes",
            type=int,
            default=int(MARGIN.total_seconds()) // 60,
            help="begin this much before the restore point (default: %(default)s)",
        )
        parser.add_argument("--yes", action="store_true", help="do it")

    def handle(self, *_: Any, **options: Any) -> None:
        now = timezone.now()
        steps = quarantine.plan(
            restored_to=_moment(options["restored_to"], now),
            margin=timedelta(minutes=options["margin_minutes"]),
            now=now,
        )
        for step in steps:
            self.stdout.write(_sentence(step))
        if not steps:
            self.stdout.write("Nothing was under way: nothing to do.")
        elif options["yes"]:
            reason = options["reason"].strip()
            if not reason:
                raise CommandError("Say why.")
            doubted = quarantine.carry_out(steps, by=getuser(), reason=reason, now=now)
            self.stdout.write(f"Done: {doubted} deliveries are in doubt.")
        else:
            self.stdout.write("Nothing was changed: say --yes to do it.")


def _moment(text: str, now: datetime) -> datetime:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"{text!r} is no moment: write it like 2026-11-23T06:01.")
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)  # the operator's clock, which is India's
    if moment > now:
        raise CommandError(f"{text} has not come yet.")
    return moment


def _sentence(step: Step) -> str:
    if step.unopened:
        return f"{step.name}: cancelled, it may have gone out already"
    return f"{step.name}: paused, {step.deliveries} deliveries in doubt"
