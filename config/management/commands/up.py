"""`manage.py up`: runs all of Daybreak on this machine until Ctrl-C."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.demo import environment
from config.processes.child import LaunchError, web_port
from config.processes.launcher import Launcher
from config.processes.supervisor import Interrupted, interruptible

MAX_SENDERS = 32  # on one machine; each takes about 100 MB
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


class Command(BaseCommand):
    help = "Run broker, web server, workers, beat and keeper on this machine until Ctrl-C."
    requires_system_checks = []  # `migrate`, the first child, runs them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=int, help="port of the web server; default: the first free from 8000"
        )
        parser.add_argument(
            "--with-sandbox",
            action="store_true",
            help="also run a sandbox for Meta's Cloud API, with phone numbers and a template",
        )
        parser.add_argument(
            "--senders", type=int, default=1, help="processes that send batches; default: 1"
        )
        parser.add_argument(
            "--show-logs", action="store_true", help="print the logs of all processes"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if not 1 <= options["senders"] <= MAX_SENDERS:
            raise CommandError(f"--senders must be between 1 and {MAX_SENDERS}.")
        try:
            with interruptible():
                self._run(options)
        except Interrupted:
            self.stdout.write("Stopped.")
        except LaunchError as error:
            raise CommandError(str(error)) from None

    def _run(self, options: dict[str, Any]) -> None:
        with_sandbox = options["with_sandbox"]
        launcher = Launcher(
            settings.VAR_DIR,
            environment.beside_sandbox(os.environ) if with_sandbox else {},
            port=options["port"] or web_port(),
            sandbox=environment.sandbox() if with_sandbox else None,
            keep_queues=True,
            show=options["show_logs"],
            senders=options["senders"],
        )
        self.stdout.write("Starting …")
        with launcher:
            if with_sandbox and launcher.run_module("config.demo.ready_to_send"):
                raise CommandError("The sandbox's account could not be set up.")
            https = settings.HTTPS and not with_sandbox
            self.stdout.write(_welcome(launcher, https=https))
            self.stdout.flush()
            launcher.watch()


def _welcome(launcher: Launcher, *, https: bool) -> str:
    lines = [_where(launcher, https=https), f"Logs: {launcher.logs}"]
    lines.append(
        "The first time, create an administrator in another terminal: "
        "python manage.py createsuperuser"
    )
    if launcher.sandbox_url:
        lines.append(
            f"Messages go to the sandbox at {launcher.sandbox_url}. It is ready to send: "
            "phone numbers, template and staff phones are set up."
        )
    return "\n".join([*lines, "Press Ctrl-C to stop everything."])


def _where(launcher: Launcher, *, https: bool) -> str:
    """The address that works in a browser: without HTTPS this machine's, else the proxy's."""
    if not https:
        return f"Daybreak is running. Open {launcher.web_url}/"
    public = [host for host in settings.ALLOWED_HOSTS if host not in LOCAL_HOSTS]
    host = public[0].lstrip(".") if public else "YOUR-HOST"
    return (
        f"Daybreak is running. Open https://{host}/ through a proxy that ends TLS, sets "
        f"X-Forwarded-Proto and forwards to {launcher.web_url} (docs/deploy.md). "
        f"To open {launcher.web_url}/ itself, without a proxy, set HTTPS=false."
    )
