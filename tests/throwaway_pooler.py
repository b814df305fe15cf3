"""A throwaway PgBouncer in front of a throwaway PostgreSQL."""

from __future__ import annotations

import configparser
import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from config.processes.child import INFRASTRUCTURE, PROJECT_FOLDER, Child, LaunchError, free_port
from config.processes.private_postgres import account_for_server, answers
from config.processes.supervisor import Supervisor
from config.settings.databases import TIMEOUTS

EXAMPLE = PROJECT_FOLDER / "deploy" / "pgbouncer" / "pgbouncer.ini"
NO_POOLER = "PgBouncer is not installed: apt-get install --no-install-recommends pgbouncer."


@contextlib.contextmanager
def running_pooler(home: Path, server: str) -> Iterator[str]:
    """The URL of `server` through PgBouncer with the settings of `deploy`, any of its databases.

    The role of the URL gets the time limits that PgBouncer does not pass on.
    """
    binary = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if binary is None:
        raise LaunchError(NO_POOLER)
    home.mkdir(parents=True)
    port, account = free_port(), account_for_server()
    url = _through(server, port)
    child = Child(
        name="pgbouncer",
        argv=[binary, str(_configuration(home, server, port, account))],
        env={"LC_ALL": "C"},
        cwd=home,
        stage=INFRASTRUCTURE,
        account=account,  # it refuses to run as root
        ready=lambda _: answers(url),
    )
    _limit_role(server)
    with Supervisor(home / "logs") as supervisor:
        supervisor.wait_ready(supervisor.start(child))
        yield url


def _through(server: str, port: int) -> str:
    parts = urlsplit(server)
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}"))


def _configuration(home: Path, server: str, port: int, account: str) -> Path:
    """The example with our addresses, and the file of its only role."""
    parts = urlsplit(server)
    logins, file = home / "userlist.txt", home / "pgbouncer.ini"
    logins.write_text(f'"{parts.username}" "{parts.password}"\n')
    told = configparser.ConfigParser(interpolation=None)
    told.read(EXAMPLE)
    told["databases"] = {"*": f"host={parts.hostname} port={parts.port}"}
    told["pgbouncer"].update(
        {"listen_port": str(port), "auth_file": str(logins), "unix_socket_dir": ""}
    )
    with file.open("w") as text:
        told.write(text)
    for place in (home, logins, file):
        place.chmod(0o700 if place is home else 0o600)
        if account:
            shutil.chown(place, account)
    return file


def _limit_role(server: str) -> None:
    with psycopg.connect(server, autocommit=True) as session:
        for name, limit in TIMEOUTS.items():
            session.execute(f"ALTER ROLE CURRENT_USER SET {name} = '{limit}'")
