"""A throwaway PostgreSQL from the installed binaries, for the demo and for tests.

PostgreSQL refuses to run as root, so root starts it as an unprivileged account that owns the data
folder. It listens on 127.0.0.1, on a free port, with a random password.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from config.processes.child import INFRASTRUCTURE, Child, LaunchError, Process, free_port
from config.processes.supervisor import Supervisor

USER = DATABASE = "postgres"
ACCOUNTS = ("postgres", "nobody")
DEBIAN_FOLDER = Path("/usr/lib/postgresql")
NO_POSTGRES = "PostgreSQL is not installed: apt-get install postgresql, or give DATABASE_URL."
MAX_CONNECTIONS = 200  # one for every worker thread, 70 by default, and those of the web server
# A power cut loses the data. A killed server loses nothing: commits stay synchronous.
NOT_DURABLE = ("fsync=off", "full_page_writes=off")


@dataclass(frozen=True)
class Postgres:
    """The server's URL, its child process, and the child that creates its empty database."""

    url: str
    child: Child
    initdb: Child

    def start_in(self, supervisor: Supervisor) -> Process:
        """Starts the server, with an empty database if there is none; waits until it answers."""
        if not os.path.lexists(self.child.cwd / "PG_VERSION"):
            supervisor.run(self.initdb)
        process = supervisor.start(self.child)
        supervisor.wait_ready(process)
        return process


def prepare(home: Path, environment: Mapping[str, str], *, durable: bool) -> Postgres:
    """Finds binaries, account, port and password; starts nothing.

    Without `durable` a power cut loses the data: only for tests.
    """
    binaries = find_binaries(environment.get("PATH", os.defpath))
    account, home = account_for_server(), home.resolve()
    if not can_enter(home, account):
        raise LaunchError(f"PostgreSQL runs as {account!r}, which may not enter {home}.")
    data = _folder(home / "data", account)
    password, port = _password(home / "password", account), free_port()
    url = f"postgresql://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"
    settings = _settings(port, durable=durable)
    child = Child(
        name="postgres",
        argv=[str(binaries / "postgres"), "-D", str(data), *(f"--{line}" for line in settings)],
        env={"LC_ALL": "C"},  # the user's locale may not exist for the server's account
        cwd=data,
        stage=INFRASTRUCTURE,
        stop_signal=signal.SIGINT,  # fast shutdown: SIGTERM would wait for all clients
        account=account,
        ready=lambda _: answers(url),
    )
    return Postgres(url, child, _initdb(binaries, data, home / "password", account))


def find_binaries(search_path: str) -> Path:
    """The folder of `postgres` and `initdb`: on PATH, else Debian's newest; else LaunchError."""
    initdb = shutil.which("initdb", path=search_path)
    folders = [Path(initdb).resolve().parent] if initdb else []
    versions = [folder for folder in DEBIAN_FOLDER.glob("*/bin") if folder.parent.name.isdigit()]
    folders += sorted(versions, key=lambda folder: int(folder.parent.name), reverse=True)
    for folder in folders:
        if all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres")):
            return folder
    raise LaunchError(NO_POSTGRES)


def account_for_server() -> str:
    """Empty for an ordinary user; for root the name of an unprivileged account."""
    if os.geteuid() != 0:
        return ""
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in ACCOUNTS:
        if name in known:
            return name
    raise LaunchError("PostgreSQL refuses to run as root; make an account named postgres for it.")


def can_enter(folder: Path, account: str) -> bool:
    """Whether `account` may traverse the parents of `folder`, which need not exist yet."""
    if not account:
        return True
    owner = pwd.getpwnam(account).pw_uid
    above = [place.stat() for place in folder.resolve().parents if place.exists()]
    return all(status.st_mode & stat.S_IXOTH or status.st_uid == owner for status in above)


def home_in(directory: Path) -> Path:
    """`directory`/postgres, or a new temporary folder if the server's account may not enter that
    (a checkout below root's home)."""
    home = directory / "postgres"
    if can_enter(home, account_for_server()):
        return home
    elsewhere = Path(tempfile.mkdtemp(prefix="daybreak-"))
    elsewhere.chmod(0o711)
    return elsewhere / "postgres"


def _folder(folder: Path, account: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    folder.parent.chmod(0o711)
    _set_owner(folder, account, 0o700)
    return folder


def _password(file: Path, account: str) -> str:
    """The server's password: created once and kept, as the data folder holds its digest."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32))
        _set_owner(file, account, 0o600)
    return file.read_text()


def _set_owner(place: Path, account: str, mode: int) -> None:
    place.chmod(mode)
    if account:
        entry = pwd.getpwnam(account)
        os.chown(place, entry.pw_uid, entry.pw_gid)


def _settings(port: int, *, durable: bool) -> list[str]:
    settings = [
        f"port={port}",
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        f"max_connections={MAX_CONNECTIONS}",
        "timezone=UTC",
        "log_timezone=UTC",
    ]
    return settings if durable else [*settings, *NOT_DURABLE]


def _initdb(binaries: Path, data: Path, password: Path, account: str) -> Child:
    options = ["--username", USER, "--pwfile", str(password), "--auth=scram-sha-256", "--no-sync"]
    return Child(
        name="initdb",
        argv=[str(binaries / "initdb"), "-D", str(data), *options, "-E", "UTF8", "--locale=C"],
        env={"LC_ALL": "C"},
        cwd=data,
        account=account,
        restarts=False,
    )


def answers(url: str) -> bool:
    """Whether the PostgreSQL at `url` accepts a connection."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
