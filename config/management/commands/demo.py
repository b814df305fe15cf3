"""`manage.py demo`: a complete daily distribution on real services, with a report."""

from __future__ import annotations

import contextlib
import secrets
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.demo import environment
from config.demo.logins import LOGINS
from config.demo.progress import print_line
from config.demo.scenarios import SCENARIOS
from config.management.command_errors import INTERRUPTED
from config.processes.child import LaunchError, web_port
from config.processes.launcher import Launcher
from config.processes.supervisor import Interrupted, interruptible


class Command(BaseCommand):
    help = "Run a whole morning against a sandbox for Meta: prepare, approve, send, report."
    requires_system_checks = []  # `migrate`, the first child, runs them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--subscribers", type=int, default=2000)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="normal_load")
        parser.add_argument(
            "--rate", type=int, default=0, help="messages per second of each number, such as 1000"
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
        if options["subscribers"] < 0:
            raise CommandError("--subscribers must be 0 or more.")
        if options["rate"] < 0:
            raise CommandError("--rate must be 0 or more.")
        try:
            with interruptible():
                code = self._run(options)
        except LaunchError as error:
            raise CommandError(str(error)) from None
        except Interrupted:
            print_line("Stopped.")
            sys.exit(INTERRUPTED)
        if code:
            sys.exit(code)

    def _run(self, options: dict[str, Any]) -> int:
        serve, name, seed = options["serve"], options["scenario"], options["seed"]
        with environment.launch(
            settings.VAR_DIR / "demo",
            name,
            seed=seed,
            services=options["services"],
            rate=options["rate"],
            port=web_port() if serve else 0,
        ) as launcher:
            print_line(f"Running: {', '.join(launcher.pids)}")
            password = secrets.token_urlsafe(12)
            code = environment.run_day(
                launcher,
                name,
                subscribers=options["subscribers"],
                seed=seed,
                rate=options["rate"],
                report=options["report"],
                serve=serve,
                password=password,
            )
            if serve:
                print_line(_welcome(launcher, password))
                with contextlib.suppress(Interrupted):
                    launcher.watch()
        if serve:
            print_line("Stopped.")
        return code


def _welcome(launcher: Launcher, password: str) -> str:
    lines = [f"\nOpen {launcher.web_url}/ and sign in. The password of all five: {password}"]
    lines += [f"  {name:<14} {what}" for name, what in LOGINS.items()]
    return "\n".join([*lines, f"Logs: {launcher.logs}. Press Ctrl-C to stop."])
