"""Prepares, starts, watches and reports the demo's distribution: `python -m config.demo.day`.

A separate process, because it needs the settings of the services that `manage.py demo` started.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import django

django.setup()

from celery import current_app  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.utils import timezone  # noqa: E402

from config.demo import (  # noqa: E402
    cpu,
    logins,
    preparation,
    recording,
    replaying,
    report,
    scenarios,
    showcase,
)
from config.demo.journal_verdict import SandboxClient  # noqa: E402
from config.demo.progress import Progress, print_line, progress_view  # noqa: E402
from config.demo.recorded import Recorded, read  # noqa: E402
from config.setup import registry  # noqa: E402
from distribution.analytics import counts, shared_counts  # noqa: E402
from distribution.lifecycle import schedule  # noqa: E402
from distribution.models import Distribution, Kind  # noqa: E402
from distribution.reporting import planned  # noqa: E402
from distribution.runtime import india_time  # noqa: E402
from distribution.service_level import sla  # noqa: E402
from distribution.tasks import start_daily_distribution  # noqa: E402
from phonepool.models import PhoneNumber  # noqa: E402

POLL_INTERVAL_SECONDS = 1.0  # each poll takes about 10 ms of CPU that the sending needs
SHOWN_NUMBERS = 5
END_STATES = ("COMPLETED", "CANCELLED", "MISSED")


def main() -> int:
    """0 if no recipient was missed or got two messages and the service level was met, else 1. A
    replay: 0 if everybody's delivery ended as recorded."""
    options = _options()
    sandbox = SandboxClient(settings.WHATSAPP_API_BASE)
    day = india_time.local_date(timezone.now())
    recorded = read(options.replay) if options.replay else None
    people = _prepare(options, day, sandbox, recorded)
    found = planned.upcoming(timezone.now())
    assert found is not None  # the content is approved and its time is to come
    plan = found[1]
    print_line(f"Plan: {plan.sentence}")
    pids = {**json.loads(os.environ.get("DEMO_PIDS", "{}")), "watcher": os.getpid()}
    triggered_at = _trigger(day)
    before = cpu.seconds_used(pids)
    distribution = _wait_for_end(day, triggered_at, options.scenario, sandbox, recorded)
    spent = cpu.difference(before, cpu.seconds_used(pids))
    figures = report.build(
        distribution,
        sandbox.journal(),
        sandbox.stats(),
        triggered_at=triggered_at,
        scenario=options.scenario,
        cpu_seconds=spent,
        plan=plan,
    )
    if options.report:
        Path(options.report).write_text(json.dumps(figures, indent=2) + "\n")
    sys.stdout.write(report.summary(figures, settings.SLA_BASIS) + "\n")
    if options.serve:
        print_line("Adding three weeks of past mornings and the days ahead …")
        logging.disable(logging.WARNING)  # of the alerts among them
        showcase.fill(people, sandbox, seed=options.seed)
        registry.run(timezone.now())
    if options.record:
        recording.write(distribution, Path(options.record), sandbox)
    if recorded is not None:
        return replaying.finish(recorded, distribution, sandbox)
    if not report.passed(figures):
        print_line("The run did not meet its target: see the figures above.")
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="day")
    parser.add_argument("--subscribers", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--scenario", choices=sorted(scenarios.SCENARIOS), required=True)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--numbers", type=int, default=0)
    parser.add_argument("--report", default="")
    parser.add_argument("--record", default="")
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--serve", action="store_true")
    return parser.parse_args()


def _prepare(
    options: argparse.Namespace, day: date, sandbox: SandboxClient, recorded: Recorded | None
) -> dict[str, User]:
    if recorded is not None:
        imported = preparation.import_rows(replaying.rows(recorded, sandbox))
        numbers = preparation.pool_named(recorded.numbers, options.rate)
    else:
        agreed_at = timezone.now() - showcase.AGREED if options.serve else None
        imported = preparation.import_subscribers(
            options.subscribers, seed=options.seed, agreed_at=agreed_at
        )
        numbers = preparation.pool_at(options.rate, options.numbers)
    new, refused = sum(one.new for one in imported), sum(one.refused for one in imported)
    print_line(f"Imported {new:,} subscribers{f'; {refused} rows were refused:' * bool(refused)}")
    for refusal in imported[0].refusals[:4]:
        print_line(f"  line {refusal.line}: {refusal.reason}")
    preparation.set_up_pool(numbers)
    shown = [f"{number.label} ({number.rate} per second)" for number in numbers[:SHOWN_NUMBERS]]
    more = f" and {len(numbers) - len(shown)} more" if len(numbers) > len(shown) else ""
    print_line(f"Phone numbers: {', '.join(shown)}{more}")
    preparation.lose(scenarios.SCENARIOS[options.scenario].lost)
    preparation.write_template(sandbox)
    password = os.environ["DEMO_PASSWORD"]
    people = logins.create(password)
    editor, approver = people["editor"], people["approver"]
    content = preparation.approve_content(day, editor=editor, approver=approver)
    print_line(f"“{content.title}” was submitted by {editor} and approved by {approver}")
    if options.serve:
        where = f"{os.environ['DEMO_URL']}/dashboard/"
        print_line(f"To watch it live, open {where} as operator, password {password}")
    return people


def _trigger(day: date) -> datetime:
    """Waits for the planned time, then publishes the task that beat publishes at 06:00."""
    at = schedule.daily_time(day)
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(timeout=5)  # beat's connection is open at 06:00, too
    while (left := (at - timezone.now()).total_seconds()) > 0:
        time.sleep(min(left, 0.05))
    triggered_at = timezone.now()
    start_daily_distribution.delay()
    print_line(
        f"{triggered_at.astimezone(timezone.get_default_timezone()):%H:%M:%S} IST: sending starts"
    )
    return triggered_at


def _wait_for_end(
    day: date,
    triggered_at: datetime,
    scenario: str,
    sandbox: SandboxClient,
    recorded: Recorded | None,
) -> Distribution:
    """Shows the progress and runs the scenario's incidents until the distribution has ended."""
    waiting = list(scenarios.SCENARIOS[scenario].incidents)
    with progress_view() as view:
        while True:
            now = timezone.now()
            distribution = Distribution.objects.filter(kind=Kind.DAILY, local_date=day).first()
            due = waiting or view.is_due((now - triggered_at).total_seconds())
            if due and distribution is not None and distribution.opened_at is not None:
                progress = _progress(distribution, triggered_at, now)
                share = progress.accepted / (progress.recipients or 1)
                note = ""
                if waiting and share >= waiting[0].share:
                    incident = waiting.pop(0)
                    sandbox.post(incident.path, incident.body)
                    note = incident.description
                if note or view.is_due(progress.seconds):
                    view.show(replace(progress, note=note))
            if distribution is not None and distribution.state in END_STATES:
                return distribution
            if recorded is not None and distribution is not None:
                replaying.resume_if_recorded(recorded, distribution)
            time.sleep(POLL_INTERVAL_SECONDS)


def _progress(distribution: Distribution, triggered_at: datetime, now: datetime) -> Progress:
    counted = shared_counts.read(distribution, now=now)
    tally, reach = counted.tally, counted.reach
    sent = Counter[int | None]()
    for group in counted.groups:
        sent[group.number_id] += group.count if group.is_accepted else 0
    return Progress(
        seconds=(now - triggered_at).total_seconds(),
        recipients=distribution.recipients,
        accepted=reach.accepted,
        delivered=reach.delivered,
        rate=counts.recent_rate(distribution, now=now, seconds=2),
        share=sla.assess(distribution, tally, reach, 0.0, now=now).headline,
        basis=settings.SLA_BASIS,
        numbers=[
            (number.label, number.state, number.quality, sent[number.pk])
            for number in PhoneNumber.objects.all()
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
