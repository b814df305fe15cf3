"""`manage.py demo`: a whole morning on real parts, on a bare machine, with a report."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from datetime import datetime, time, timedelta
from time import sleep
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.demo.preparing import LANGUAGE, POOL, TEMPLATE, VARIABLES
from config.demo.scenarios import SCENARIOS, scenario
from config.demo.watching import say
from config.launcher import House
from config.processes import LaunchError
from config.roles import Sandbox

# The day is planned for this many seconds after the start: by then the house is up.
AHEAD_SECONDS = 12


class Command(BaseCommand):
    help = "Run a whole morning against the sandbox: prepare, approve, send, report."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--subscribers", type=int, default=2000)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="normal_load")
        parser.add_argument("--report", metavar="FILE.json", help="write every figure there")
        parser.add_argument("--serve", action="store_true", help="stay up afterwards")
        parser.add_argument(
            "--services", action="store_true", help="PostgreSQL and Redis instead of SQLite"
        )

    def handle(self, *_: object, **options: Any) -> None:
        if options["subscribers"] < 0:
            raise CommandError("--subscribers must be 0 or more.")
        var_dir = settings.BASE_DIR / "var" / "demo"
        shutil.rmtree(var_dir, ignore_errors=True)  # a throwaway state, made anew each time
        try:
            with House(
                var_dir,
                _environment(services=options["services"]),
                services=options["services"],
                sandbox=_sandbox(options["scenario"], options["seed"]),
            ) as house:
                code = _run_day(house, options)
                if options["serve"]:
                    self._serve(house)
        except LaunchError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=130) from None
        if code:
            sys.exit(code)

    def _serve(self, house: House) -> None:
        say(f"The admin is at {house.web_url}/admin/ ; logs are in {house.logs} ; Ctrl-C ends.")
        house.watch()


def _planned() -> datetime:
    """The day's planned time, on this same day in India."""
    zone = ZoneInfo(settings.TIME_ZONE)
    planned = datetime.now(zone) + timedelta(seconds=AHEAD_SECONDS)
    if planned.time() < time(0, 1):  # the day must not change between here and its start
        say("Waiting a minute for midnight in India to pass.")
        sleep(60)
        planned = datetime.now(zone) + timedelta(seconds=AHEAD_SECONDS)
    return planned


def _environment(*, services: bool) -> dict[str, str]:
    env = {
        "DAILY_TIME": f"{_planned():%H:%M:%S}",
        "WHATSAPP_BUSINESS_ID": "102290129340398",
        "REDIS_URL": "",
        "DATABASE_URL": "",
        "HTTPS": "false",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
    }
    if services:  # given ones are used, missing ones are started for this demo alone
        del env["REDIS_URL"], env["DATABASE_URL"]
    return env


def _sandbox(name: str, seed: int) -> Sandbox:
    overrides = json.dumps(scenario(name).sandbox_settings)
    return Sandbox(
        numbers=[line.for_sandbox for line in POOL],
        templates=[f"{TEMPLATE}:{LANGUAGE}:{VARIABLES}:UTILITY"],
        webhook_path="/webhooks/whatsapp",
        options=[
            *("--profile", "fast"),
            *("--seed", str(seed)),
            *("--waba-id", "102290129340398"),
            *("--settings", overrides),
        ],
    )


def _run_day(house: House, options: dict[str, Any]) -> int:
    say(f"The house is up: {', '.join(house.pids)}")
    command = [sys.executable, "-m", "config.demo.day"]
    command += ["--subscribers", str(options["subscribers"]), "--seed", str(options["seed"])]
    command += ["--scenario", options["scenario"]]
    if options["report"]:
        command += ["--report", options["report"]]
    if options["serve"]:
        command.append("--serve")
    day = subprocess.Popen(command, env=house.env)  # noqa: S603 - our own module
    try:
        house.watch(until=lambda: day.poll() is not None)
    finally:
        if day.poll() is None:
            day.terminate()
            day.wait(timeout=10)
    return day.returncode
