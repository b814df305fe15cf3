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
        "Mark deliveries whose outcome a restored database may not know, so that nobody gets a "
        "message twice. Stop workers, beat and keeper first. Without --yes, only shows what it "
        "would do."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--restored-to", required=True, help="time of the backup, such as 2026-11-23T06:01"
        )
        parser.add_argument("--reason", required=True, help="reason, kept in the alerts")
        parser.add_argument(
            "--margin-minutes",
            type=int,
            default=int(MARGIN.total_seconds()) // 60,
            help="start this many minutes before the backup (default: %(default)s)",
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
            self.stdout.write("Nothing was being sent. There is nothing to do.")
        elif options["yes"]:
            reason = options["reason"].strip()
            if not reason:
                raise CommandError("Enter a reason.")
            doubted = quarantine.carry_out(steps, by=getuser(), reason=reason, now=now)
            self.stdout.write(f"Done: {doubted} deliveries are in doubt.")
        else:
            self.stdout.write("Nothing was changed. Add --yes to do it.")


def _moment(text: str, now: datetime) -> datetime:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"{text!r} is not a time. Write it like 2026-11-23T06:01.")
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)  # the operator's clock, which is India's
    if moment > now:
        raise CommandError(f"{text} is in the future.")
    return moment


def _sentence(step: Step) -> str:
    if step.unopened:
        return f"{step.name}: cancelled, because it may have been sent already"
    return f"{step.name}: paused, {step.deliveries} deliveries in doubt"
