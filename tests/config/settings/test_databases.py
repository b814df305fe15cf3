"""DATABASE_POOLED: nothing is kept in a session of the server, and nothing asked of its start."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from config.management.command_errors import SET_POOLED, known_sentence
from config.settings.databases import POSTGRES_OPTIONS, TIMEOUTS, databases

pytestmark = pytest.mark.any_database  # settings only

URL = "postgresql://daybreak:word@pool:6432/daybreak"
EXAMPLE = Path(settings.BASE_DIR) / "deploy" / "pgbouncer" / "pgbouncer.ini"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def with_values(**values: str) -> dict[str, dict[str, Any]]:
        for name in ("DATABASE_URL", "DATABASE_REPLICA_URL", "DATABASE_POOLED"):
            monkeypatch.setenv(name, values.get(name, ""))
        return databases(tmp_path)

    return with_values


def test_without_a_pool_each_connection_asks_for_the_time_limits(read: Any) -> None:
    (one,) = read(DATABASE_URL=URL).values()

    assert one["OPTIONS"] == POSTGRES_OPTIONS
    for name, limit in TIMEOUTS.items():
        assert f"-c {name}={limit}" in one["OPTIONS"]["options"]
    assert one["DISABLE_SERVER_SIDE_CURSORS"] is False


def test_with_a_pool_no_session_of_the_server_is_relied_on(read: Any) -> None:
    replica = URL.replace("pool", "copy")
    found = read(DATABASE_URL=URL, DATABASE_REPLICA_URL=replica, DATABASE_POOLED="true")

    assert {one["HOST"] for one in found.values()} == {"pool", "copy"}
    for one in found.values():
        assert "options" not in one["OPTIONS"]
        assert one["OPTIONS"]["prepare_threshold"] is None
        assert one["OPTIONS"]["connect_timeout"] == POSTGRES_OPTIONS["connect_timeout"]
        assert one["DISABLE_SERVER_SIDE_CURSORS"] is True
        assert (one["CONN_MAX_AGE"], one["CONN_HEALTH_CHECKS"]) == (60, True)


def test_options_that_a_pool_would_refuse_are_refused_at_once(read: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL: PgBouncer passes no `options`"):
        read(DATABASE_URL=f"{URL}?options=-c%20work_mem%3D64MB", DATABASE_POOLED="true")
    asked = read(DATABASE_URL=f"{URL}?prepare_threshold=5", DATABASE_POOLED="true")

    assert asked["default"]["OPTIONS"]["prepare_threshold"] is None
    assert read(DATABASE_POOLED="true")["default"]["ENGINE"].endswith("sqlite3")  # the demo's


def test_a_pool_that_nobody_told_of_is_recognised() -> None:
    refusal = "connection failed: FATAL:  unsupported startup parameter: options"
    other = "connection failed: FATAL:  password authentication failed"

    assert known_sentence(OperationalError(refusal)).endswith(
        f"unsupported startup parameter: options. {SET_POOLED}"
    )
    assert SET_POOLED not in known_sentence(OperationalError(other))


def test_the_example_of_a_pool_is_one_that_works() -> None:
    told = configparser.ConfigParser(interpolation=None)
    told.read(EXAMPLE)
    pool = told["pgbouncer"]

    assert pool["pool_mode"] == "transaction"
    assert "ignore_startup_parameters" not in pool  # limits would be dropped without a word
    assert float(pool["query_wait_timeout"]) < settings.LEASE_SECONDS / 2
