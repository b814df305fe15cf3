"""`manage.py sandbox …`: execs `python -m sandbox …` with the same arguments."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Replaces this process, so that signals and exit codes are the sandbox's."""

    help = "Start the stand-in for the WhatsApp Cloud API. Arguments: python -m sandbox --help"

    def run_from_argv(self, argv: Sequence[str]) -> None:
        """Passes the arguments on unparsed: the sandbox has its own command line."""
        self.handle(*argv[2:])

    def handle(self, *args: str, **_: object) -> None:
        """Never returns: the sandbox is a separate program, reached by URL only."""
        paths = [str(settings.BASE_DIR), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        command = [sys.executable, "-m", "sandbox", *args]
        os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is wanted
