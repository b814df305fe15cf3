"""`manage.py demo`: a complete daily distribution on real services, with a report."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.demo import environment
from config.demo.progress import print_line
from config.demo.scenarios import SCENARIOS
from config.processes.child import LaunchError
from config.processes.supervisor import Interrupted, interruptible


class Command(BaseCommand):
    help = "Run a whole morning against the sandbox: prepare, approve, send, report."
    requires_system_checks = []  # `migrate`, the first child, runs them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--subscribers", type=int, default=2000)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="normal_load")
        parser.add_argument(
            "--rate", type=int, default=0, help="messages a second of each number, such as 1000"
        )
        parser.add_argument("--report", default="", metavar="FILE.json", help="every figure")
        parser.add_argument("--serve", action="store_true", help="stay up afterwards")
        parser.add_argument(
            "--services", action="store_true", help="PostgreSQL and Redis instead of SQLite"
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
            raise CommandError("Stopped.", returncode=130) from None
        if code:
            sys.exit(code)

    def _run(self, options: dict[str, Any]) -> int:
        var_dir = settings.VAR_DIR / "demo"
        name, seed, rate = options["scenario"], options["seed"], options["rate"]
        services = options["services"]
        with environment.launch(var_dir, name, seed=seed, services=services, rate=rate) as launcher:
            print_line(f"The house is up: {', '.join(launcher.pids)}")
            code = environment.run_day(
                launcher,
                name,
                subscribers=options["subscribers"],
                seed=seed,
                rate=rate,
                report=options["report"],
                serve=options["serve"],
            )
            if options["serve"]:
                url, logs = launcher.web_url, launcher.logs
                print_line(f"The admin is at {url}/admin/, logs in {logs}. Ctrl-C ends.")
                launcher.watch()
        return code
