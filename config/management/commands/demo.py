"""`manage.py demo`: a complete daily distribution on real services, with a report."""

from __future__ import annotations

import contextlib
import secrets
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.demo import environment
from config.demo.logins import LOGINS
from config.demo.preparation import MAX_NUMBERS, MAX_RATE
from config.demo.progress import print_line
from config.demo.recorded import NotReplayable, Recorded, read
from config.demo.scenarios import NEEDING_TWO, SCENARIOS
from config.management.command_errors import INTERRUPTED
from config.processes.child import LaunchError, web_port
from config.processes.launcher import Launcher
from config.processes.supervisor import Interrupted, interruptible

SUBSCRIBERS, SCENARIO = 2000, "normal_load"


class Command(BaseCommand):
    help = "Run a whole morning against a sandbox for Meta: prepare, approve, send, report."
    requires_system_checks = []  # `migrate`, the first child, runs them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--subscribers", type=int, help=f"{SUBSCRIBERS} unless given")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument(
            "--scenario", choices=sorted(SCENARIOS), help=f"{SCENARIO} unless given"
        )
        parser.add_argument(
            "--rate", type=int, default=0, help="messages per second of each number, such as 1000"
        )
        parser.add_argument(
            "--numbers",
            type=int,
            default=0,
            help="how many phone numbers (default: three)",
        )
        parser.add_argument(
            "--record", default="", metavar="FILE.zip", help="write the signed record of the run"
        )
        parser.add_argument(
            "--replay",
            type=Path,
            metavar="FILE",
            help="repeat the run of a signed record and compare how each delivery ends",
        )
        parser.add_argument("--report", default="", metavar="FILE.json", help="write every figure")
        parser.add_argument(
            "--serve",
            action="store_true",
            help="keep running afterwards, with logins and three weeks of past mornings",
        )
        parser.add_argument(
            "--services", action="store_true", help="use PostgreSQL and Redis instead of SQLite"
        )

    def handle(self, *_: object, **options: Any) -> None:
        if (options["subscribers"] or 0) < 0:
            raise CommandError("--subscribers must be 0 or more.")
        if options["rate"] < 0:
            raise CommandError("--rate must be 0 or more.")
        _check_pool(options)
        recorded = _recorded(options) if options["replay"] else None
        try:
            with interruptible():
                code = self._run(options, recorded)
        except LaunchError as error:
            raise CommandError(str(error)) from None
        except Interrupted:
            print_line("Stopped.")
            sys.exit(INTERRUPTED)
        if code:
            sys.exit(code)

    def _run(self, options: dict[str, Any], recorded: Recorded | None) -> int:
        serve, name, seed = options["serve"], options["scenario"] or SCENARIO, options["seed"]
        subscribers = options["subscribers"]
        with environment.launch(
            _folder(),
            name,
            seed=seed,
            services=options["services"],
            rate=options["rate"],
            numbers=options["numbers"],
            port=web_port() if serve else 0,
            recorded=recorded,
        ) as launcher:
            print_line(f"Running: {', '.join(launcher.pids)}")
            password = secrets.token_urlsafe(12)
            code = environment.run_day(
                launcher,
                name,
                subscribers=SUBSCRIBERS if subscribers is None else subscribers,
                seed=seed,
                rate=options["rate"],
                numbers=options["numbers"],
                report=options["report"],
                serve=serve,
                password=password,
                recorded=recorded,
                record=options["record"],
            )
            if serve:
                print_line(_welcome(launcher, password))
                with contextlib.suppress(Interrupted):
                    launcher.watch()
        if serve:
            print_line("Stopped.")
        return code


def _folder() -> Path:
    """All state of the demo; emptied at its start."""
    return Path(settings.VAR_DIR) / "demo"


def _recorded(options: dict[str, Any]) -> Recorded:
    """The record to replay, once it is verified. Raises CommandError."""
    for name in ("scenario", "subscribers"):
        if options[name] is not None:
            raise CommandError(f"--replay takes people and faults from the record, not --{name}.")
    if options["numbers"]:
        raise CommandError("--replay takes the phone numbers from the record, not --numbers.")
    path = options["replay"]
    if path.resolve().is_relative_to(_folder().resolve()):
        raise CommandError(f"{path} is in the demo's own folder, which is emptied: copy it first.")
    try:
        recorded = read(path)
    except NotReplayable as error:
        raise CommandError(str(error)) from None
    print_line(recorded.about)
    return recorded


def _check_pool(options: dict[str, Any]) -> None:
    numbers, scenario = options["numbers"], options["scenario"]
    if options["rate"] > MAX_RATE:
        raise CommandError(f"--rate must be at most {MAX_RATE:,}: Meta allows no number more.")
    if not 0 <= numbers <= MAX_NUMBERS:
        raise CommandError(f"--numbers must be between 1 and {MAX_NUMBERS}.")
    if numbers == 1 and scenario in NEEDING_TWO:
        raise CommandError(f"The scenario {scenario} needs at least two numbers: --numbers 2.")


def _welcome(launcher: Launcher, password: str) -> str:
    lines = [f"\nOpen {launcher.web_url}/ and sign in. The password of all five: {password}"]
    lines += [f"  {name:<14} {what}" for name, what in LOGINS.items()]
    return "\n".join([*lines, f"Logs: {launcher.logs}. Press Ctrl-C to stop."])
