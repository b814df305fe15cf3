"""All services for real: broker, web server, workers, beat and keeper, started once per module."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import psutil
import psycopg
import pytest
from celery import Celery
from django.core.management import call_command
from django.core.management.base import CommandError

from config.management.commands import up as up_command
from config.processes import child, programs
from config.processes.child import LaunchError, free_port
from config.processes.launcher import Launcher
from config.processes.private_postgres import find_binaries

pytestmark = pytest.mark.any_database  # houses with a database of their own

ROOT = Path(__file__).resolve().parents[3]
ROLES = {
    "broker",
    "web",
    "beat",
    "keeper",
    "worker-mass-distribution",
    "worker-batch-processing",
    "worker-distribution-analytics",
}


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Launcher]:
    folder = tmp_path_factory.mktemp("launcher")
    shutil.copyfile(migrated_sqlite, folder / "daybreak.sqlite3")  # the demo's begins empty
    with Launcher(folder, {"DATABASE_URL": "", "REDIS_URL": ""}) as it:
        yield it


@pytest.fixture
def celery(launcher: Launcher) -> Iterator[Celery]:
    """A client of the private broker, as any process of the project would be one."""
    with Celery("client", set_as_current=False) as app:
        prefix = {"global_keyprefix": "daybreak:"}
        app.conf.update(
            broker_url=launcher.env["REDIS_URL"],
            result_backend=launcher.env["REDIS_URL"],
            broker_transport_options=prefix,
            result_backend_transport_options=prefix,
        )
        yield app


def eventually(what: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def needs_postgres() -> None:
    try:
        find_binaries(os.environ.get("PATH", os.defpath))
    except LaunchError as error:
        pytest.skip(str(error))


def copy_database(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(source / "daybreak.sqlite3")) as old,
        contextlib.closing(sqlite3.connect(target / "daybreak.sqlite3")) as new,
    ):
        old.backup(new)


def status(url: str) -> int:
    with urlopen(url, timeout=10) as answer:
        return int(answer.status)


def executed(celery: Celery, queue: str) -> bool:
    task = celery.send_task("celery.accumulate", args=[1, 2], queue=queue)
    return bool(task.get(timeout=20) == [1, 2])


def test_the_house_is_complete_when_it_is_up(launcher: Launcher) -> None:
    assert set(launcher.pids) == ROLES
    assert all(psutil.pid_exists(pid) for pid in launcher.pids.values())
    assert status(f"{launcher.web_url}/admin/login/") == 200


@pytest.mark.parametrize("queue", ["mass-distribution", "batch-processing", "webhooks"])
def test_a_task_of_any_queue_is_executed(launcher: Launcher, celery: Celery, queue: str) -> None:
    assert executed(celery, queue)


def test_the_embedded_house_keeps_all_it_has_in_one_folder(launcher: Launcher) -> None:
    assert (launcher.var_dir / "daybreak.sqlite3").exists()
    assert launcher.env["REDIS_URL"].startswith("redis://:")
    names = {log.stem for log in launcher.logs.iterdir()}
    assert names == ROLES | {"manage-migrate"}


def test_the_web_server_keeps_connections_open(launcher: Launcher) -> None:
    connection = HTTPConnection("127.0.0.1", launcher.port, timeout=10)
    with contextlib.closing(connection):
        connection.connect()
        first = connection.sock
        for _ in range(2):
            connection.request("GET", "/nowhere")
            answer = connection.getresponse()
            answer.read()
            assert (answer.status, answer.version, connection.sock) == (404, 11, first)


def test_a_command_runs_on_our_terminal_with_the_houses_environment(
    launcher: Launcher, capfd: pytest.CaptureFixture[str]
) -> None:
    assert launcher.run_module("this") == 0
    assert "Namespaces are one honking great idea" in capfd.readouterr().out
    assert launcher.run_module("celery", "-A", "config", "no-such-command") == 2
    assert set(launcher.pids) == ROLES


def test_a_second_launcher_for_the_same_folder_is_refused_at_once(launcher: Launcher) -> None:
    began = time.monotonic()
    with pytest.raises(LaunchError) as raised, Launcher(launcher.var_dir):
        pass
    assert str(raised.value) == (
        f"Process {os.getpid()} runs Daybreak from {launcher.var_dir} already."
    )
    assert time.monotonic() - began < 2


def test_whoever_is_killed_starts_again_and_works(launcher: Launcher, celery: Celery) -> None:
    victims = ("broker", "web", "worker-batch-processing")
    before = launcher.pids
    strays = [p for name in victims for p in psutil.Process(before[name]).children(recursive=True)]
    assert strays  # granian serves from a child of its own
    for name in victims:
        os.kill(before[name], signal.SIGKILL)

    launcher.watch(until=lambda: all(launcher.pids[name] != before[name] for name in victims))
    launcher.supervisor.wait_ready(*[launcher.supervisor.processes[name] for name in victims])

    assert not any(map(lives, strays))
    assert status(f"{launcher.web_url}/admin/login/") == 200
    for queue in ("mass-distribution", "batch-processing", "webhooks"):
        assert executed(celery, queue)  # also by those who only lost their broker for a while


def test_any_number_of_workers_send_batches_and_retries(tmp_path: Path) -> None:
    workers = programs.workers({}, tmp_path, senders=3)

    senders = [one for one in workers if "batch-processing" in one.argv]
    assert [one.name for one in senders] == [
        "worker-batch-processing",
        "worker-batch-processing-2",
        "worker-batch-processing-3",
    ]
    assert {tuple(one.argv[2:]) for one in senders} == {("worker", *programs.SENDING)}
    assert len(workers) == len(programs.WORKER_GROUPS) + 2


def test_a_fresh_house_begins_with_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "web.log").write_text("yesterday")
    (tmp_path / "daybreak.sqlite3").write_text("not a database")
    (tmp_path / "ready").symlink_to("/nonexistent")
    nobody = {"DATABASE_URL": "", "REDIS_URL": "", "PATH": "", "LOG_LEVEL": "nonsense"}

    # The lock is free again; the start then fails for another reason.
    with pytest.raises(LaunchError), Launcher(tmp_path, nobody, fresh=True):
        pass

    assert not (tmp_path / "daybreak.sqlite3").exists()
    assert not (tmp_path / "logs" / "web.log").exists()


def ready_to_send(folder: Path) -> bool:
    """Whether the sandbox's numbers and template are there, as Meta would describe them."""
    with contextlib.closing(sqlite3.connect(folder / "daybreak.sqlite3")) as connection:
        numbers = connection.execute(
            "SELECT count(*) FROM phonepool_phonenumber WHERE seen_at IS NOT NULL"
        ).fetchone()
        template = connection.execute(
            "SELECT status, components FROM distribution_messagetemplate"
        ).fetchone()
    return numbers == (3,) and template[0] == "APPROVED" and "Good morning" in template[1]


def test_a_port_that_a_launcher_chose_is_no_other_launchers() -> None:
    port = child.free_port()
    with child.held_port(port):
        assert child.port_error(port)
    assert not child.port_error(port)


def test_the_web_port_is_the_first_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        monkeypatch.setattr(child, "WEB_PORTS", range(taken, taken + 1))
        with pytest.raises(LaunchError, match="No free port"):
            child.web_port()
        beside = next(port for port in range(taken + 1, 65536) if not child.port_error(port))
        monkeypatch.setattr(child, "WEB_PORTS", range(taken, beside + 1))
        assert child.web_port() > taken


def welcome(https: bool) -> str:
    return up_command._where(SimpleNamespace(web_url="http://127.0.0.1:8000"), https=https)


def test_up_names_an_address_that_works(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "daybreak.example.org"]

    assert welcome(https=False) == "Daybreak is running. Open http://127.0.0.1:8000/"
    assert welcome(https=True) == (
        "Daybreak is running. Open https://daybreak.example.org/ through a proxy that ends TLS, "
        "sets X-Forwarded-Proto and forwards to http://127.0.0.1:8000 (docs/deploy.md). "
        "To open http://127.0.0.1:8000/ itself, without a proxy, set HTTPS=false."
    )


def test_a_taken_port_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CommandError) as raised:
            call_command("up", "--port", str(port))
    assert str(raised.value) == (
        f"Port {port} cannot be had: Address already in use. Give another with --port."
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_up_runs_on_a_bare_machine_and_leaves_no_orphan(
    launcher: Launcher, tmp_path: Path, name: str
) -> None:
    copy_database(launcher.var_dir, tmp_path)  # migrated: making one is another test's work
    port = free_port()
    command = [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(port)]
    command += ["--with-sandbox"] if name == "SIGINT" else []
    environment = {"DAYBREAK_VAR": str(tmp_path)}  # no PATH, no HOME, nothing else
    with subprocess.Popen(
        command, env=environment, cwd="/", stdout=subprocess.PIPE, text=True
    ) as up:
        assert up.stdout is not None
        assert any("Press Ctrl-C to stop everything" in line for line in up.stdout)
        tree = psutil.Process(up.pid).children(recursive=True)
        assert len(tree) >= len(ROLES) + 2  # the guard, and what granian starts
        assert status(f"http://127.0.0.1:{port}/") == 200  # it leads to the sign-in
        assert not any("token" in word for child in tree for word in child.cmdline())

        up.send_signal(signal.Signals[name])
        output = up.stdout.read()

    eventually(lambda: not any(map(lives, tree)))
    if name == "SIGINT":
        assert (up.returncode, output) == (0, "Stopped.\n")
        assert ready_to_send(tmp_path)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest.mark.slow
@pytest.mark.services
def test_services_bring_their_own_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_postgres()
    monkeypatch.setattr(programs, "WORKER_GROUPS", ())  # the other tests start them
    env = {"DATABASE_URL": "", "REDIS_URL": "", "DATABASE_POOLED": "true"}  # of the user's `.env`
    with Launcher(tmp_path, env, services=True) as launcher:
        url = launcher.env["DATABASE_URL"]
        with psycopg.connect(url) as connection:
            applied = connection.execute("SELECT count(*) FROM django_migrations").fetchone()
        assert applied is not None
        assert applied[0] > 10
        assert status(f"{launcher.web_url}/admin/login/") == 200
        server = psutil.Process(launcher.pids["postgres"])

    assert not lives(server)
    assert not (tmp_path / "daybreak.sqlite3").exists()
