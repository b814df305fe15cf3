"""The brokers and databases that tests lean on, and what happens when one is not there.

A skip whose reason begins with "only" tells where a test belongs. Any other skip means that
something is missing: on a person's machine a line in the summary, an error where
DAYBREAK_REQUIRE_SERVICES=1.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from config.processes.child import LaunchError
from tests.migrated import SQLITE, locked
from tests.throwaway_services import running_broker, start_postgres

REDIS_DATABASES = 16

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.fixture(scope="session")
def broker_url(worker_id: str) -> Iterator[str]:
    """A live broker: the one at TEST_REDIS_URL, else a private one of this session."""
    given = os.environ.get("TEST_REDIS_URL", "")
    if given:
        yield own_redis_database(given, worker_id)
        return
    with _folder() as folder, running_broker(folder) as url:
        yield url


def own_redis_database(url: str, worker_id: str) -> str:
    """`url` with one of the server's databases for each of pytest's parallel workers."""
    parts = urlsplit(url)
    first = int(parts.path.strip("/") or 0)
    place = int(worker_id.removeprefix("gw")) + 1 if worker_id.startswith("gw") else 0
    return urlunsplit(parts._replace(path=f"/{(first + place) % REDIS_DATABASES}"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server: the one at TEST_DATABASE_URL, else a throwaway one."""
    with contextlib.ExitStack() as ends:
        yield given_postgres() or _throwaway_postgres(ends)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty PostgreSQL database of this test's own: what one test leaves, no other finds."""
    with _database_on(postgres_server) as url:
        yield url


def given_postgres() -> str:
    """TEST_DATABASE_URL if that is PostgreSQL, else nothing."""
    given = os.environ.get("TEST_DATABASE_URL", "")
    return given if given.startswith(("postgres://", "postgresql://")) else ""


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A migrated SQLite database to copy, one for all workers: migrating takes 5 s of CPU."""
    base = tmp_path_factory.getbasetemp()
    folder = base if worker_id == "master" else base.parent
    made = folder / SQLITE
    with locked(folder):
        if not made.exists():
            _migrate(folder / "migrating.sqlite3").rename(made)
    return made


@pytest.fixture
def migrated_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of this test's own, for the processes that it starts."""
    return f"sqlite:///{shutil.copyfile(migrated_sqlite, tmp_path / 'daybreak.sqlite3')}"


@pytest.fixture
def on_postgres() -> None:
    """For tests of what only PostgreSQL has: row locks, SKIP LOCKED, many writers at once."""
    if connection.vendor != "postgresql":
        pytest.skip("The suite runs on SQLite: give TEST_DATABASE_URL to run it on PostgreSQL.")


@pytest.fixture
def on_sqlite() -> None:
    """For tests of what only the embedded default has."""
    if connection.vendor != "sqlite":
        pytest.skip("only on SQLite")


def insist(report: Report) -> Report:
    """Turns a skip into a failure where nothing may be missing."""
    if os.environ.get("DAYBREAK_REQUIRE_SERVICES") != "1" or not report.skipped:
        return report
    reason = _skip_reason(report)
    if not reason.startswith("only") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"Skipped, but DAYBREAK_REQUIRE_SERVICES=1: {reason}"
    return report


def _skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return told.removeprefix("Skipped: ")


def _migrate(database: Path) -> Path:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    env["DATABASE_URL"] = f"sqlite:///{database}"
    manage = Path(__file__).resolve().parents[1] / "manage.py"
    subprocess.run([sys.executable, str(manage), "migrate", "--no-input"], env=env, check=True)
    return database


def _throwaway_postgres(ends: contextlib.ExitStack) -> str:
    try:
        home = ends.enter_context(_folder()) / "postgres"
        return ends.enter_context(start_postgres(home, durable=False)).url
    except LaunchError as error:
        pytest.skip(str(error))


@contextlib.contextmanager
def _database_on(server: str) -> Iterator[str]:
    name = f"daybreak_{secrets.token_hex(6)}"
    identifier = sql.Identifier(name)
    with psycopg.connect(server, autocommit=True) as session:
        session.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Not pytest's own temporary folder: no other account may enter that one."""
    folder = Path(tempfile.mkdtemp(prefix="daybreak-service-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
