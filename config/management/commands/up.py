"""`manage.py up`: runs all of Daybreak on this machine until Ctrl-C."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.processes.child import LaunchError
from config.processes.launcher import Launcher
from config.processes.programs import SandboxOptions
from config.processes.supervisor import Interrupted, interruptible

# The pool of the README's first steps, so that the sandbox knows the numbers entered there.
SANDBOX = SandboxOptions(
    numbers=(
        "100000000000001:+91 22 4000 0001:80",
        "100000000000002:+91 22 4000 0002:80",
        "100000000000003:+91 22 4000 0003:50",
    ),
    templates=("daily_update:en:2",),
)


class Command(BaseCommand):
    help = "Runs broker, web, workers and beat as children of this command until Ctrl-C."
    requires_system_checks = []  # `migrate`, the first child, runs them

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

    def _run(self, port: int, sandbox: SandboxOptions | None, *, show: bool) -> None:
        launcher = Launcher(
            settings.VAR_DIR, port=port, sandbox=sandbox, keep_queues=True, show=show
        )
        self.stdout.write("Starting …")
        with launcher:
            self.stdout.write(_welcome(launcher))
            self.stdout.flush()
            launcher.watch()


def _welcome(launcher: Launcher) -> str:
    lines = [
        f"Daybreak is up at {launcher.web_url}/admin/",
        f"Logs: {launcher.logs}",
        "The first admin: python manage.py createsuperuser, in another terminal.",
    ]
    if launcher.sandbox_url:
        lines.append(f"Messages go to the sandbox at {launcher.sandbox_url}.")
    return "\n".join([*lines, "Ctrl-C stops everything."])
