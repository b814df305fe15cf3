"""The processes that benchmarks load, as production starts them, and what they cost of CPU."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from config.processes.child import free_port
from tests.load.posts import SECRET, body, fire, request
from tests.throwaway_services import start_postgres

ROOT = Path(__file__).resolve().parents[2]


def cpu(processes: list[psutil.Process]) -> float:
    """Seconds of user and system time of these, and of children that ended."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


def family(pid: int) -> list[psutil.Process]:
    """The process and all it started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def environment(database_url: str, broker_url: str, folder: Path) -> dict[str, str]:
    """Production's settings, all state in `folder`."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DAYBREAK_VAR": str(folder),
        "DATABASE_URL": database_url,
        "SECRET_KEY": "a key for the benchmark only, long enough to pass the settings' own check",
        "HTTPS": "false",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "warning"),
        "REDIS_URL": broker_url,
        "WHATSAPP_APP_SECRET": SECRET,
    }


@contextlib.contextmanager
def web(env: dict[str, str], app: str, threads: int, log: Path) -> Iterator[tuple[int, int]]:
    """(port, process) of a web server."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--http", "1", "--no-ws", app]
    env = {**env, "GRANIAN_BLOCKING_THREADS": str(threads)}
    with log.open("wb") as output:
        child = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
    try:
        wait_for(port)
        yield port, child.pid
    finally:
        child.terminate()
        child.wait(timeout=30)


def wait_for(port: int) -> None:
    """Until it takes a webhook."""
    end = time.monotonic() + 60
    while True:
        try:
            asyncio.run(fire(port, [request(body(0, 1))], 1))
        except (OSError, ConnectionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


@contextlib.contextmanager
def databases(kind: str, folder: Path) -> Iterator[tuple[str, Callable[[], float]]]:
    """(URL, function that tells the CPU of the server's own processes)."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bench.sqlite3'}", lambda: 0.0
        return
    with start_postgres(folder / "postgres", durable=True) as server:
        yield server.url, lambda: cpu(family(server.process.pid))


def migrate(env: dict[str, str]) -> None:
    """Make the tables."""
    command = [sys.executable, "manage.py", "migrate", "--no-input", "-v0"]
    subprocess.run(command, cwd=ROOT, env=env, check=True)


@contextlib.contextmanager
def django_on_postgres() -> Iterator[Callable[[], float]]:
    """Django in this process, on a migrated PostgreSQL of its own, whose CPU the function tells;
    there is no broker."""
    with tempfile.TemporaryDirectory(prefix="daybreak-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL runs as another account
        with databases("postgres", folder) as (url, server_cpu):
            os.environ.update(environment(url, "redis://127.0.0.1:1/0", folder))
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", "--no-input", verbosity=0)
            yield server_cpu
