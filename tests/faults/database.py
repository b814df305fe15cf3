"""Databases for fault tests: one migrated template on a server, a copy for each stack."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import environ
import psycopg
from django.core.management import call_command
from django.db import connections

from tests.throwaway_services import start_postgres

TEMPLATE = "daybreak_faults"


class Server:
    """A throwaway PostgreSQL that may be crashed, and copies of a migrated database on it."""

    def __init__(self, home: Path) -> None:
        self.running = start_postgres(home, durable=False)
        self._execute(f"CREATE DATABASE {TEMPLATE}")
        point_django_at(self.url(TEMPLATE))
        call_command("migrate", verbosity=0)
        connections["default"].close()

    def url(self, database: str) -> str:
        return urlunsplit(urlsplit(self.running.url)._replace(path=f"/{database}"))

    @property
    def port(self) -> int:
        port = urlsplit(self.running.url).port
        assert port is not None
        return port

    def copy(self) -> str:
        """The name of a fresh database."""
        name = f"daybreak_{secrets.token_hex(6)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return name

    def drop(self, name: str) -> None:
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def crash(self) -> None:
        """Kill it without a word and start it again on the same data."""
        self.running.crash()
        self.running.start()

    def stop(self) -> None:
        self.running.stop()

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.running.url, autocommit=True) as session:
            session.execute(statement)


@contextlib.contextmanager
def throwaway() -> Iterator[Server]:
    """A server in a folder of its own; both are gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix="daybreak-faults-"))
    folder.chmod(0o711)  # PostgreSQL may run as another account, which walks through it
    try:
        server = Server(folder / "postgres")
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def point_django_at(url: str) -> None:
    """This process's models speak to the database at `url` from now on."""
    connections["default"].close()
    database = {**environ.Env.db_url_config(url), "CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": None}
    connections.settings["default"] = connections.configure_settings({"default": database})[
        "default"
    ]
    del connections["default"]
