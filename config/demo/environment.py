"""The demo's services and their settings, with the sandbox instead of Meta."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from pathlib import Path
from time import sleep

from config.demo.preparation import LANGUAGE, TEMPLATE, VARIABLES, PoolNumber, pool_at, pool_named
from config.demo.progress import print_line
from config.demo.recorded import WITHIN_SECONDS, Recorded
from config.demo.scenarios import SCENARIOS
from config.processes.launcher import Launcher
from config.processes.programs import SandboxOptions
from distribution.runtime import india_time

# The run is planned this long after the start: by then the services are up.
START_DELAY_SECONDS = 12
ACCOUNT = "102290129340398"
STAFF_PHONES = ("+919000000101", "+919000000102")  # the test send goes to them


@contextmanager
def launch(
    var_dir: Path,
    name: str,
    *,
    seed: int,
    services: bool,
    rate: int = 0,
    numbers: int = 0,
    senders: int = 1,
    port: int = 0,
    env: Mapping[str, str] | None = None,
    recorded: Recorded | None = None,
) -> Iterator[Launcher]:
    """Runs a scenario's services; its distribution is planned a few seconds from now.

    `port`: of the web server; 0: any free one. `rate`: messages per second of each number;
    0: the customer's rates. `numbers`: how many phone numbers; 0: the customer's three. `senders`:
    how many workers send batches. `recorded`: what is replayed instead of the scenario.
    """
    with Launcher(
        var_dir,
        {**_environment(services=services), **(env or {}), **_repeated(recorded)},
        services=services,
        port=port,
        sandbox=(
            replaying_sandbox(recorded, rate) if recorded else sandbox(name, seed, rate, numbers)
        ),
        fresh=True,
        senders=senders,
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
    numbers: int = 0,
    password: str = "",
    recorded: Recorded | None = None,
    record: str = "",
) -> int:
    """Runs `config.demo.day` with the services' settings and returns its exit code. `password`: of
    the logins; if empty, a random one. `record`: the file that gets the signed record."""
    arguments = ["--scenario", name, "--subscribers", str(subscribers), "--seed", str(seed)]
    arguments += ["--rate", str(rate), "--numbers", str(numbers)]
    arguments += ["--report", report] if report else []
    arguments += ["--serve"] if serve else []
    arguments += ["--replay", str(recorded.path)] if recorded else []
    arguments += ["--record", record] if record else []
    launcher.env["DEMO_PIDS"] = json.dumps(launcher.pids)
    launcher.env["DEMO_URL"] = launcher.web_url
    # In the environment, because every user of the machine can read arguments.
    launcher.env["DEMO_PASSWORD"] = password or secrets.token_urlsafe(12)
    return launcher.run_module("config.demo.day", *arguments)


def _planned_time() -> datetime:
    """The planned time, on the current day in India."""
    zone = india_time.zone()
    planned = datetime.now(zone) + timedelta(seconds=START_DELAY_SECONDS)
    if planned.time() < time(0, 1):  # the date must not change between here and the start
        print_line("It is nearly midnight in India: waiting for one minute.")
        sleep(60)
        planned = datetime.now(zone) + timedelta(seconds=START_DELAY_SECONDS)
    return planned


def _environment(*, services: bool) -> dict[str, str]:
    env = {
        "DAILY_TIME": f"{_planned_time():%H:%M:%S}",
        "WHATSAPP_BUSINESS_ID": ACCOUNT,
        "TEST_RECIPIENTS": ",".join(STAFF_PHONES),
        "REDIS_URL": "",
        "DATABASE_URL": "",
        "HTTPS": "false",
        "TWO_FACTOR": "off",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
    }
    if services:  # existing ones are used, missing ones are started for this demo
        del env["REDIS_URL"], env["DATABASE_URL"]
    return env


def sandbox(
    name: str = "normal_load", seed: int = 1, rate: int = 0, numbers: int = 0
) -> SandboxOptions:
    """A sandbox that has the demo's account, phone numbers and template."""
    overrides = json.dumps(SCENARIOS[name].sandbox_settings)
    return _sandbox(pool_at(rate, numbers), f"--seed={seed}", f"--settings={overrides}")


def replaying_sandbox(recorded: Recorded, rate: int) -> SandboxOptions:
    """A sandbox that answers as a record says, with as many phone numbers."""
    return _sandbox(
        pool_named(recorded.numbers, rate),
        f"--replay={recorded.path.resolve()}",
        f"--replay-within={WITHIN_SECONDS:g}",
    )


def _sandbox(numbers: Iterable[PoolNumber], *options: str) -> SandboxOptions:
    return SandboxOptions(
        numbers=[number.for_sandbox for number in numbers],
        templates=[f"{TEMPLATE}:{LANGUAGE}:{VARIABLES}:UTILITY"],
        options=["--profile=fast", f"--waba-id={ACCOUNT}", *options],
    )


def _repeated(recorded: Recorded | None) -> dict[str, str]:
    """The recorded settings, and windows that end soon after the last recorded call."""
    if recorded is None:
        return {}
    seconds = recorded.window_seconds
    promised = min(seconds, int(recorded.settings.get("SLA_WINDOW_SECONDS", seconds)))
    windows = {"SENDING_WINDOW_SECONDS": str(seconds), "SLA_WINDOW_SECONDS": str(promised)}
    return {**recorded.settings, **windows}


def beside_sandbox(given: Mapping[str, str]) -> dict[str, str]:
    """What `up --with-sandbox` changes of the environment `given`: the sandbox's account instead
    of Meta's, and no HTTPS, because the sandbox posts its webhooks without a proxy."""
    env = {"WHATSAPP_BUSINESS_ID": ACCOUNT, "HTTPS": "false"}
    if not given.get("TEST_RECIPIENTS", "").strip():
        env["TEST_RECIPIENTS"] = ",".join(STAFF_PHONES)
    return env
