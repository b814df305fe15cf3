"""Runs inside the house that `manage.py demo` built: prepares the day, starts it, reports.

A process of its own, because its settings are the house's: `python -m config.demo.day`.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import time
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import django

django.setup()

from celery import current_app  # noqa: E402
from django.conf import settings  # noqa: E402
from django.utils import timezone  # noqa: E402

from config.demo import cpu, preparation, report, scenarios  # noqa: E402
from config.demo.journal_verdict import Sandbox  # noqa: E402
from config.demo.progress import Glance, View, say  # noqa: E402
from distribution.analytics import counts  # noqa: E402
from distribution.lifecycle import schedule  # noqa: E402
from distribution.models import Distribution, Kind  # noqa: E402
from distribution.tasks import start_daily_distribution  # noqa: E402
from phonepool.models import PhoneNumber  # noqa: E402

LOOK_SECONDS = 1.0  # each look costs some 10 ms of the CPU that the sending needs
ENDED = ("COMPLETED", "CANCELLED", "MISSED")


def main(arguments: list[str] | None = None) -> int:
    """0 when nobody was missed or doubled and the service level was met, else 1."""
    options = _options(arguments)
    sandbox = Sandbox(settings.WHATSAPP_API_BASE)
    day = schedule.local_date(timezone.now())
    password = _prepare(options, day)
    house = {**json.loads(os.environ.get("DEMO_PIDS", "{}")), "watcher": os.getpid()}
    triggered_at = _trigger(day)
    before = cpu.used(house)
    distribution = _watch(day, triggered_at, scenarios.scenario(options.scenario), sandbox)
    spent = cpu.between(before, cpu.used(house))
    found = report.build(
        distribution,
        sandbox.journal(),
        sandbox.stats(),
        triggered_at=triggered_at,
        scenario=options.scenario,
        cpu_seconds=spent,
    )
    if options.report:
        Path(options.report).write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(report.summary(found, settings.SLA_BASIS) + "\n")
    if password:
        say(f"Sign in to the admin as approver with the password {password}")
    if not report.passed(found):
        say("The day did not keep its promise: see the figures above.")
        return 1
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="day")
    parser.add_argument("--subscribers", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--scenario", choices=sorted(scenarios.SCENARIOS), required=True)
    parser.add_argument("--report", default="")
    parser.add_argument("--serve", action="store_true")
    return parser.parse_args(arguments)


def _prepare(options: argparse.Namespace, day: date) -> str:
    imported = preparation.import_roster(options.subscribers, seed=options.seed)
    say(f"Subscribers: {imported.new:,} imported, {imported.refused} rows refused")
    for refusal in imported.refusals[:4]:
        say(f"  line {refusal.line}: {refusal.reason}")
    preparation.set_up_pool()
    say("Pool: " + ", ".join(f"{line.label} {line.rate}/s" for line in preparation.POOL))
    password = secrets.token_urlsafe(12)
    editor, approver = preparation.make_people(password)
    content = preparation.approve_content(day, editor=editor, approver=approver)
    say(f"Content “{content.title}” submitted by {editor}, approved by {approver}")
    return password if options.serve else ""


def _trigger(day: date) -> datetime:
    """Wait for the day's planned second, then do what beat does at 06:00."""
    planned = schedule.daily_time(day)
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(timeout=5)  # beat's is open by 06:00, too
    while (left := (planned - timezone.now()).total_seconds()) > 0:
        time.sleep(min(left, 0.05))
    triggered_at = timezone.now()
    start_daily_distribution.delay()
    say(f"{triggered_at.astimezone(timezone.get_default_timezone()):%H:%M:%S} IST: the day begins")
    return triggered_at


def _watch(
    day: date, triggered_at: datetime, scenario: scenarios.Scenario, sandbox: Sandbox
) -> Distribution:
    """Look on until the distribution has ended; let the scenario's incidents happen."""
    with View() as view:
        while True:
            now = timezone.now()
            distribution = Distribution.objects.filter(kind=Kind.DAILY, local_date=day).first()
            wanted = scenario.incidents or view.is_due((now - triggered_at).total_seconds())
            if wanted and distribution is not None and distribution.opened_at is not None:
                glance = _glance(distribution, triggered_at, now)
                told = scenario.proceed(glance.accepted / (glance.recipients or 1), sandbox)
                if told or view.is_due(glance.seconds):
                    view.show(replace(glance, note=told or ""))
            if distribution is not None and distribution.state in ENDED:
                return distribution
            time.sleep(LOOK_SECONDS)


def _glance(distribution: Distribution, triggered_at: datetime, now: datetime) -> Glance:
    reach = counts.reach(distribution)
    sent = counts.by_number(distribution)
    delivered_basis = settings.SLA_BASIS == "delivered"
    in_time = reach.delivered_in_time if delivered_basis else reach.accepted_in_time
    return Glance(
        seconds=(now - triggered_at).total_seconds(),
        recipients=distribution.recipients,
        accepted=reach.accepted,
        delivered=reach.delivered,
        rate=counts.recent_rate(distribution, now=now, seconds=2),
        share=in_time / (distribution.recipients or 1),
        basis=settings.SLA_BASIS,
        numbers=[
            (number.label, number.state, number.quality, sent.get(number.pk, 0))
            for number in PhoneNumber.objects.all()
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
