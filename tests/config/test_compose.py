"""No container engine is at hand: what the files name is started here, one by one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from config.processes import programs
from config.processes.child import free_port
from tests.config.settings.test_settings import PRODUCTION, example

pytestmark = pytest.mark.any_database  # always PostgreSQL, as in the file

ROOT = Path(settings.BASE_DIR)
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "daybreak"}
WORKERS = [name for name in OURS if name.startswith("worker-")]
WITH_READY_FILE = [*WORKERS, "beat", "keeper"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
REFERENCE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def resolved(text: str, given: dict[str, str]) -> str:
    """What compose makes of ${NAME}, ${NAME:-default} and ${NAME:?complaint}."""

    def value(found: re.Match[str]) -> str:
        name, sign, other = found.groups()
        if sign == "?" and not given.get(name):
            raise LookupError(f"{name} {other}")
        return given.get(name) or (other if sign == "-" else "")

    return REFERENCE.sub(value, text)


def command_of(name: str, **replaced: str) -> list[str]:
    """The service's command on this machine: our Python, and other words for some of its own."""
    words = [resolved(str(word), {}) for word in SERVICES[name]["command"]]
    assert words[0] == "python"
    for old, new in replaced.items():
        words = [re.sub(rf"\b{old.lstrip('_')}\b", new, word) for word in words]
    return [sys.executable, *words[1:]]


@contextmanager
def running(command: list[str], env: dict[str, str], log: Path) -> Iterator[Any]:
    """The command in a session of its own, which is gone afterwards, whatever happened."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(ready: Any, process: Any, log: Path) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def ends_well(process: Any, log: Path) -> None:
    """Asked as `docker stop` asks, it ends by itself, long before it would be killed."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0, log.read_text()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, broker_url: str) -> dict[str, str]:
    """Production's settings on services of this machine, with the tables made as compose makes
    them."""
    folder = tmp_path_factory.mktemp("compose")
    env = {
        **os.environ,
        **PRODUCTION,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"sqlite:///{folder / 'daybreak.sqlite3'}",
        "REDIS_URL": broker_url,
        "DAYBREAK_VAR": str(folder / "var"),
        "ALLOWED_HOSTS": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
        "DAYBREAK_READY_FILE": str(folder / "ready"),
    }
    migrated = subprocess.run(command_of("migrate"), cwd=ROOT, env=env, capture_output=True)
    assert migrated.returncode == 0, migrated.stderr.decode()
    return env


@pytest.mark.parametrize(("name", "inside"), [("web", "8000"), ("receiver", "8001")])
def test_a_server_becomes_healthy_and_ends_when_asked(
    environment: dict[str, str], tmp_path: Path, name: str, inside: str
) -> None:
    port, log = str(free_port()), tmp_path / "log"
    check = [word.replace(inside, port) for word in SERVICES[name]["healthcheck"]["test"][2:]]
    command = command_of(name, **{f"_{inside}": port, "0.0.0.0": "127.0.0.1"})

    def healthy() -> bool:
        asked = subprocess.run([sys.executable, *check], capture_output=True, timeout=30)
        return asked.returncode == 0

    assert not healthy()
    with running(command, environment, log) as process:
        wait_for(healthy, process, log)
        ends_well(process, log)


@pytest.mark.parametrize("name", WITH_READY_FILE)
def test_workers_beat_and_keeper_become_healthy_and_end_when_asked(
    environment: dict[str, str], tmp_path: Path, name: str
) -> None:
    ready, log = tmp_path / "ready", tmp_path / "log"
    service = SERVICES[name]
    assert service["healthcheck"]["test"][1:] == [
        *("test", "-s"),
        service["environment"]["DAYBREAK_READY_FILE"],
    ]

    env = {**environment, "DAYBREAK_READY_FILE": str(ready)}
    with running(command_of(name), env, log) as process:
        wait_for(lambda: ready.exists() and ready.read_text(), process, log)
        ends_well(process, log)


def test_the_sandbox_starts_and_ends_when_asked(tmp_path: Path) -> None:
    port, log = str(free_port()), tmp_path / "log"
    command = command_of("sandbox", _8900=port, **{"0.0.0.0": "127.0.0.1"})
    with running(command, dict(os.environ), log) as process:
        wait_for(lambda: "sandbox listening on" in log.read_text(), process, log)
        ends_well(process, log)


def test_the_workers_are_the_launchers_groups() -> None:
    served = [tuple(SERVICES[name]["command"][3:]) for name in WORKERS]

    assert served == list(programs.WORKER_GROUPS)
    assert sorted(queue for group in served for queue in group) == sorted(
        settings.QUEUE_CONCURRENCY
    )


def test_the_web_server_is_started_as_the_launcher_starts_it() -> None:
    launched, web = programs.web({}, 8000), SERVICES["web"]

    here = [str(word) for word in launched.argv[1:]]
    assert [word.replace("0.0.0.0", "127.0.0.1") for word in web["command"][1:]] == here
    threads = launched.env["GRANIAN_BLOCKING_THREADS"]
    assert web["environment"]["GRANIAN_BLOCKING_THREADS"] == threads
    assert re.findall(r"^ENV GRANIAN_BLOCKING_THREADS=(\d+)$", DOCKERFILE, re.M) == [threads]


def test_the_receiver_is_a_web_server_of_its_own_for_webhooks_only() -> None:
    here = " ".join(SERVICES["web"]["command"]).replace("8000", "8001")

    receiver = SERVICES["receiver"]
    assert " ".join(receiver["command"]) == here.replace("wsgi:", "receiver:")
    assert receiver["environment"]["GRANIAN_BLOCKING_THREADS"] == "32"


def test_the_sandbox_posts_to_the_receiver() -> None:
    (port,) = re.findall(r"--port (\d+)", " ".join(SERVICES["receiver"]["command"]))

    url = f"http://receiver:{port}/webhooks/whatsapp"
    assert f"--webhook-url={url}" in SERVICES["sandbox"]["command"]


def test_beat_is_started_as_the_launcher_starts_it(tmp_path: Path) -> None:
    here = [str(word) for word in programs.beat({}, tmp_path).argv[1:]]

    assert SERVICES["beat"]["command"][1:] == here


def test_the_keeper_is_started_as_the_launcher_starts_it(tmp_path: Path) -> None:
    here = [Path(word).name for word in programs.keeper({}, tmp_path).argv[1:]]

    assert SERVICES["keeper"]["command"][1:] == here


@pytest.mark.parametrize("name", ["keeper", "receiver"])
def test_who_needs_the_database_only_does_not_wait_for_the_broker(name: str) -> None:
    assert set(SERVICES[name]["depends_on"]) == {"migrate"}


def test_the_image_starts_the_web_server_by_default() -> None:
    default = DOCKERFILE.partition("CMD ")[2].replace("\\\n", "")

    assert yaml.safe_load(default) == SERVICES["web"]["command"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_restarts_itself_and_has_time_to_end(name: str) -> None:
    service = SERVICES[name]

    assert service["restart"] == ("on-failure" if name == "migrate" else "always")
    assert service["stop_grace_period"] == "60s"


@pytest.mark.parametrize("name", ["web", "receiver", *WITH_READY_FILE, "postgres", "redis"])
def test_a_service_that_others_need_is_asked_for_its_health(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_only_web_receiver_and_monitoring_are_reachable_and_from_this_machine_alone() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert ports == {
        "web": ["127.0.0.1:8000:8000"],
        "receiver": ["127.0.0.1:8001:8001"],
        # The profile `monitoring`.
        "prometheus": ["127.0.0.1:9090:9090"],
        "alertmanager": ["127.0.0.1:9093:9093"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


PASSWORDS = ["POSTGRES_OWNER_PASSWORD", "POSTGRES_PASSWORD", "REDIS_PASSWORD"]


@pytest.mark.parametrize("missing", PASSWORDS)
def test_without_the_services_passwords_nothing_starts(missing: str) -> None:
    given = dict.fromkeys(PASSWORDS, "word") | {missing: ""}

    with pytest.raises(LookupError, match=f"{missing} is missing in .env"):
        resolved(yaml.safe_dump(SERVICES, width=1000), given)


def test_no_secret_is_written_into_the_files() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if variable.endswith(("PASSWORD", "_URL", "AUTH", "TOKEN", "SECRET")):
                assert not value or REFERENCE.search(value), (name, variable)
    assert not re.search(r"^(ENV|ARG).*(SECRET|TOKEN|PASSWORD|DSN)", DOCKERFILE, re.M)


def test_nobody_in_the_image_is_root_and_the_code_is_not_its_runners() -> None:
    last_stage = DOCKERFILE[DOCKERFILE.rindex("FROM ") :]
    instructions = re.findall(r"^[A-Z]+", last_stage, re.M)

    assert re.findall(r"^USER (.+)$", last_stage, re.M) == ["daybreak"]
    assert not {"COPY", "RUN", "ADD"} & set(instructions[instructions.index("USER") :])
    assert "--chown" not in DOCKERFILE


def copied() -> list[str]:
    return re.findall(r"^COPY (?!--)(\S+) ", DOCKERFILE, re.M)


def test_the_files_of_the_image_collect_static_files_and_pass_the_check(tmp_path: Path) -> None:
    for name in copied():
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(source, tmp_path / name)
    env = {**os.environ, **PRODUCTION, "DJANGO_SETTINGS_MODULE": "config.settings"}
    env = {name: value for name, value in env.items() if name not in ("PYTHONPATH", *example())}
    build = re.search(r"^RUN DATABASE_URL=(\S+) ", DOCKERFILE, re.M)
    assert build
    env |= {"DATABASE_URL": build[1], "SECRET_KEY": PRODUCTION["SECRET_KEY"]}
    env |= {"PROXY_DROPS_UNDERSCORES": "true", "FIELD_ENCRYPTION_KEYS": "k" * 48}

    for arguments in (["collectstatic", "--no-input"], ["check", "--deploy"]):
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "staticfiles" / "staticfiles.json").exists()


def test_what_is_copied_is_let_through_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]

    assert rules[0] == "*"
    assert sorted(rule[1:] for rule in rules if rule.startswith("!")) == sorted(copied())
