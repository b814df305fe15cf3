"""The tests' own ground: what they stand on, what they cannot reach, what they may not skip."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests.conftest import BeyondThisMachineError
from tests.services import own_redis_database

ROOT = Path(settings.BASE_DIR)


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, ("192.0.2.1", 80)),
        (socket.AF_INET, ("0.0.0.0", 80)),
        (socket.AF_INET, ("example.org", 80)),
        (socket.AF_INET6, ("2001:db8::1", 80, 0, 0)),
    ],
)
@pytest.mark.parametrize("how", ["connect", "connect_ex"])
def test_no_socket_reaches_beyond_this_machine(family: int, address: object, how: str) -> None:
    with socket.socket(family) as one, pytest.raises(BeyondThisMachineError):
        getattr(one, how)(address)


def test_other_machines_names_are_not_even_asked_for() -> None:
    with pytest.raises(socket.gaierror, match="Tests resolve no names"):
        socket.create_connection(("example.org", 80))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost"])
def test_this_machine_is_reached(host: str) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        socket.create_connection((host, server.getsockname()[1])).close()


def test_a_unix_socket_is_reached(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        client.connect(str(tmp_path / "socket"))


def test_the_broker_answers_and_is_not_the_settings_own(broker_url: str) -> None:
    with redis.Redis.from_url(broker_url) as client:
        assert client.ping()
    assert settings.REDIS_URL in ("redis://127.0.0.1:9/0", os.environ.get("TEST_REDIS_URL"))


def test_parallel_workers_have_a_redis_database_each() -> None:
    url = "redis://:word@127.0.0.1:7000/3"

    assert own_redis_database(url, "master") == url
    assert own_redis_database(url, "gw0") == "redis://:word@127.0.0.1:7000/4"
    assert own_redis_database("redis://127.0.0.1", "gw1") == "redis://127.0.0.1/2"


@pytest.mark.parametrize("run", [1, 2])
def test_each_test_has_an_empty_postgresql_database_of_its_own(run: int, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as session:
        tables = session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchall() == []
        session.execute("CREATE TABLE left_behind (id int)")


@pytest.mark.django_db
def test_sqlite_is_tested_as_it_runs(on_sqlite: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone() == ("wal",)
        cursor.execute("PRAGMA database_list")
        file = Path(cursor.fetchone()[2])
    assert file.parent == Path(os.environ["DAYBREAK_VAR"])
    assert connection.transaction_mode == "IMMEDIATE"


@pytest.mark.django_db
def test_a_copied_database_is_migrated_as_well() -> None:
    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []
    assert set(executor.loader.disk_migrations) <= set(executor.loader.applied_migrations)


@pytest.mark.django_db(transaction=True)
def test_another_thread_sees_what_was_committed() -> None:
    get_user_model().objects.create(username="asha")
    seen: list[str] = []

    def look() -> None:
        try:
            seen.extend(get_user_model().objects.values_list("username", flat=True))
        finally:
            connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert seen == ["asha"]


@pytest.mark.any_database
def test_what_a_persons_shell_says_does_not_reach_the_tests() -> None:
    script = "import tests.settings as s; print([s.SENTRY_DSN, s.DAILY_TIME.hour, s.DEBUG])"
    theirs = {"SENTRY_DSN": "https://key@example.org/1", "DAILY_TIME": "07:00", "DEBUG": "true"}
    clean = {name: value for name, value in os.environ.items() if name != "DAYBREAK_TESTS"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=clean | theirs, capture_output=True, text=True)

    assert done.stdout == "['', 6, False]\n"


SKIPPING = """
import pytest

@pytest.mark.parametrize("reason", ["PostgreSQL is not installed", "only on SQLite"])
def test_that_needs_something(reason):
    pytest.skip(reason)

@pytest.mark.xfail
def test_that_is_known_to_fail():
    raise AssertionError

@pytest.mark.skipif(True, reason="no broker")
def test_that_is_marked(): ...
"""


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("insist", "outcome"),
    [("0", "3 skipped, 1 xfailed"), ("1", "1 failed, 1 skipped, 1 xfailed, 1 error")],
)
def test_where_nothing_may_be_missing_a_skip_is_a_failure(
    tmp_path: Path, insist: str, outcome: str
) -> None:
    (tmp_path / "test_skips.py").write_text(SKIPPING)
    (tmp_path / "test_module.py").write_text("import pytest\npytest.importorskip('no_such')\n")
    environment = {**os.environ, "DAYBREAK_REQUIRE_SERVICES": insist}
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
    options += ["-n", "0", "-p", "no:schemathesis"]  # each would cost seconds and changes nothing

    def closing_line(name: str) -> str:
        command = [sys.executable, "-m", "pytest", *options, str(tmp_path / name)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        *_, last = done.stdout.strip().splitlines()
        return re.sub(r"^=+ | in .*$", "", last)

    assert closing_line("test_skips.py") == outcome
    assert closing_line("test_module.py") == ("1 skipped" if insist == "0" else "1 error")
