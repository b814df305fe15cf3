"""The demo's stage: the house around the day, with the sandbox in Meta's place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from pathlib import Path
from time import sleep
from zoneinfo import ZoneInfo

from django.conf import settings

from config.demo.preparation import LANGUAGE, POOL, TEMPLATE, VARIABLES
from config.demo.progress import say
from config.demo.scenarios import scenario
from config.processes.launcher import House
from config.processes.programs import Sandbox

# The day is planned for this many seconds after the start: by then the house is up.
AHEAD_SECONDS = 12
ACCOUNT = "102290129340398"


@contextmanager
def house(
    var_dir: Path, name: str, *, seed: int, services: bool, env: Mapping[str, str] | None = None
) -> Iterator[House]:
    """The running house of a scenario, whose day begins a few seconds from now."""
    with House(
        var_dir,
        {**_environment(services=services), **(env or {})},
        services=services,
        sandbox=_sandbox(name, seed),
        fresh=True,  # a throwaway state, made anew each time
    ) as up:
        yield up


def run_day(up: House, name: str, *, subscribers: int, seed: int, report: str, serve: bool) -> int:
    """Run the day inside the house while looking after its processes; the day's exit code."""
    arguments = ["--scenario", name, "--subscribers", str(subscribers), "--seed", str(seed)]
    arguments += ["--report", report] if report else []
    arguments += ["--serve"] if serve else []
    up.env["DEMO_PIDS"] = json.dumps(up.pids)
    return up.attend("config.demo.day", *arguments)


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
        "WHATSAPP_BUSINESS_ID": ACCOUNT,
        "REDIS_URL": "",
        "DATABASE_URL": "",
        "HTTPS": "false",
        "TWO_FACTOR": "off",
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
            *("--waba-id", ACCOUNT),
            *("--settings", overrides),
        ],
    )
