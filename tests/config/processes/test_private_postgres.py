from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from config.processes import private_postgres
from config.processes.child import LaunchError
from config.settings.databases import POSTGRES_OPTIONS
from tests.throwaway_services import RunningPostgres, start_postgres

pytestmark = pytest.mark.any_database  # servers of their own

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as another account")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    try:
        private_postgres.find_binaries(os.environ.get("PATH", os.defpath))
    except LaunchError as error:
        pytest.skip(str(error))
    home = private_postgres.home_in(tmp_path_factory.mktemp("server"))
    with start_postgres(home, durable=False) as it:
        yield it
    shutil.rmtree(home.parent)


def execute(server: RunningPostgres, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.services
def test_a_crash_loses_nothing_that_was_committed(server: RunningPostgres) -> None:
    execute(server, "CREATE TABLE kept (n int)")
    for n in range(3):
        execute(server, f"INSERT INTO kept SELECT {n}")
        url = server.url
        server.crash()
        assert not private_postgres.answers(url)
        server.start()
        assert server.url == url

    assert execute(server, "SELECT n FROM kept ORDER BY n") == [(0,), (1,), (2,)]


def is_wal_writer(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):  # a session that has just ended
        return "walwriter" in " ".join(process.cmdline())
    return False


@pytest.mark.services
def test_a_commit_is_on_disk_before_it_is_answered(server: RunningPostgres) -> None:
    execute(server, "CREATE TABLE promised (n int)")
    (writer,) = filter(is_wal_writer, psutil.Process(server.process.pid).children(recursive=True))
    writer.suspend()  # nobody but the committing session itself may bring it to disk
    with psycopg.connect(server.url, autocommit=True, **POSTGRES_OPTIONS) as connection:
        connection.execute("INSERT INTO promised VALUES (1)")
    server.crash()
    server.start()

    assert execute(server, "SELECT n FROM promised") == [(1,)]


@pytest.mark.services
def test_it_stops_at_once_although_a_client_is_in_a_transaction(server: RunningPostgres) -> None:
    with psycopg.connect(server.url) as client:
        client.execute("SELECT 1")
        helpers = psutil.Process(server.process.pid).children()
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 5  # ten if it had to be killed
        _, alive = psutil.wait_procs(helpers, timeout=5)
        assert alive == []
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
    server.start()
    assert execute(server, "SELECT 1") == [(1,)]


@pytest.mark.services
def test_it_listens_on_loopback_behind_its_password_only(server: RunningPostgres) -> None:
    process = psutil.Process(server.process.pid)
    listening = [kind for kind in process.net_connections("all") if kind.status == "LISTEN"]

    assert {kind.laddr.ip for kind in listening} == {"127.0.0.1"}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url, password="guess")


@pytest.mark.services
@as_root
def test_roots_server_runs_as_an_account_without_rights(server: RunningPostgres) -> None:
    process = psutil.Process(server.process.pid)

    assert process.username() == private_postgres.account_for_server() != "root"
    assert process.gids().real == pwd.getpwnam(process.username()).pw_gid


@as_root
def test_a_folder_the_account_may_not_enter_is_refused_and_a_temporary_one_found(
    tmp_path: Path,
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)

    with pytest.raises(LaunchError, match="may not enter"):
        start_postgres(private / "postgres", durable=False)
    home = private_postgres.home_in(private)
    assert private not in home.parents
    assert private_postgres.can_enter(home, private_postgres.account_for_server())
    home.parent.rmdir()


def test_missing_binaries_are_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_postgres, "DEBIAN_FOLDER", tmp_path)

    with pytest.raises(LaunchError) as raised:
        private_postgres.find_binaries(str(tmp_path))
    assert str(raised.value) == (
        "PostgreSQL is not installed: apt-get install postgresql, or give DATABASE_URL."
    )


def test_the_newest_of_several_versions_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_postgres, "DEBIAN_FOLDER", tmp_path)
    for version in ("9", "15", "16"):
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        for name in ("initdb", "postgres") if version != "16" else ("initdb",):
            (folder / name).touch(mode=0o755)

    assert private_postgres.find_binaries("/nonexistent") == tmp_path / "15" / "bin"
