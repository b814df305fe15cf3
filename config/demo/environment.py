"""The demo's services and their settings, with the sandbox instead of Meta."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from pathlib import Path
from time import sleep

from config.demo.preparation import LANGUAGE, TEMPLATE, VARIABLES, pool_at
from config.demo.progress import print_line
from config.demo.scenarios import SCENARIOS
from config.processes.launcher import Launcher
from config.processes.programs import SandboxOptions
from distribution.runtime import india_time

# The run is planned this long after the start: by then the services are up.
START_DELAY_SECONDS = 12
ACCOUNT = "102290129340398"


@contextmanager
def launch(
    var_dir: Path,
    name: str,
    *,
    seed: int,
    services: bool,
    rate: int = 0,
    env: Mapping[str, str] | None = None,
) -> Iterator[Launcher]:
    """Runs a scenario's services; its distribution is planned a few seconds from now.

    `rate`: messages per second of each number; 0: as the customer's.
    """
    with Launcher(
        var_dir,
        {**_environment(services=services), **(env or {})},
        services=services,
        sandbox=_sandbox(name, seed, rate),
        fresh=True,
    ) as launcher:
        yield launcher


def run_day(
    launcher: Launcher,
    name: str,
    *,
    subscribers: int,
    seed: int,
    report: str,
    serve: bool,
    rate: int = 0,
) -> int:
    """Runs `config.demo.day` with the services' settings and returns its exit code."""
    arguments = ["--scenario", name, "--subscribers", str(subscribers), "--seed", str(seed)]
    arguments += ["--rate", str(rate)]
    arguments += ["--report", report] if report else []
    arguments += ["--serve"] if serve else []
    launcher.env["DEMO_PIDS"] = json.dumps(launcher.pids)
    return launcher.run_module("config.demo.day", *arguments)


def _planned_time() -> datetime:
    """The planned time, on the current day in India."""
    zone = india_time.zone()
    planned = datetime.now(zone) + timedelta(seconds=START_DELAY_SECONDS)
    if planned.time() < time(0, 1):  # the date must not change between here and the start
        print_line("Waiting a minute for midnight in India to pass.")
        sleep(60)
        planned = datetime.now(zone) + timedelta(seconds=START_DELAY_SECONDS)
    return planned


def _environment(*, services: bool) -> dict[str, str]:
    env = {
        "DAILY_TIME": f"{_planned_time():%H:%M:%S}",
        "WHATSAPP_BUSINESS_ID": ACCOUNT,
        "REDIS_URL": "",
        "DATABASE_URL": "",
        "HTTPS": "false",
        "TWO_FACTOR": "off",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
    }
    if services:  # existing ones are used, missing ones are started for this demo
        del env["REDIS_URL"], env["DATABASE_URL"]
    return env


def _sandbox(name: str, seed: int, rate: int = 0) -> SandboxOptions:
    overrides = json.dumps(SCENARIOS[name].sandbox_settings)
    return SandboxOptions(
        numbers=[number.for_sandbox for number in pool_at(rate)],
        templates=[f"{TEMPLATE}:{LANGUAGE}:{VARIABLES}:UTILITY"],
        options=[
            "--profile=fast",
            f"--seed={seed}",
            f"--waba-id={ACCOUNT}",
            f"--settings={overrides}",
        ],
    )
