"""`manage.py up`: the whole of Daybreak on this machine until Ctrl-C."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.processes.child import LaunchError
from config.processes.launcher import House
from config.processes.programs import Sandbox
from config.processes.supervisor import Interrupted, interruptible

# The customer's pool, so that the stand-in answers for what a newcomer will enter first.
SANDBOX = Sandbox(
    numbers=(
        "100000000000001:+91 22 4000 0001:80",
        "100000000000002:+91 22 4000 0002:80",
        "100000000000003:+91 22 4000 0003:50",
    ),
    templates=("daily_update:en:2",),
)


class Command(BaseCommand):
    help = "Runs broker, web, workers and beat as children of this command until Ctrl-C."
    requires_system_checks = []  # `migrate`, its first child, runs them all

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the web server, 8000")
        parser.add_argument("--with-sandbox", action="store_true", help="a stand-in Cloud API, too")
        parser.add_argument("--show-logs", action="store_true", help="the children's logs, here")

    def handle(self, *_: Any, **options: Any) -> None:
        sandbox = SANDBOX if options["with_sandbox"] else None
        try:
            with interruptible():
                self._run(options["port"], sandbox, show=options["show_logs"])
        except Interrupted:
            self.stdout.write("Stopped.")
        except LaunchError as error:
            raise CommandError(str(error)) from None

    def _run(self, port: int, sandbox: Sandbox | None, *, show: bool) -> None:
        house = House(settings.VAR_DIR, port=port, sandbox=sandbox, keep_queues=True, show=show)
        self.stdout.write("Starting …")
        with house:
            self.stdout.write(_welcome(house))
            self.stdout.flush()
            house.watch()


def _welcome(house: House) -> str:
    lines = [
        f"Daybreak is up at {house.web_url}/admin/",
        f"Logs: {house.logs}",
        "The first admin: python manage.py createsuperuser, in another terminal.",
    ]
    if house.sandbox_url:
        lines.append(f"Messages go to the sandbox at {house.sandbox_url}.")
    return "\n".join([*lines, "Ctrl-C stops everything."])
