"""Time limits that nobody set are told, with what to run, wherever a process begins."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest
from django.core.checks import Tags, run_checks
from django.db import connection, transaction

from config.preflight import checks
from config.preflight.facts import Facts
from config.settings.databases import TIMEOUTS
from config.setup import time_limits
from config.setup.items import Result

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_missing(on_postgres: None) -> Iterator[str]:
    """The role, in a transaction without two of the limits."""
    with transaction.atomic(), connection.cursor() as cursor:
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SET LOCAL {name} = 0")
        cursor.execute("SELECT current_user")
        yield str(cursor.fetchone()[0])


@pytest.mark.parametrize("pooled", [False, True])
def test_one_sentence_says_what_to_run(
    two_missing: str, pooled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", pooled)

    assert str(time_limits.missing(connection)) == (
        f"PgBouncer passes no time limits on, and the database role {two_missing} has no "
        "statement_timeout, idle_in_transaction_session_timeout: run "
        f"ALTER ROLE \"{two_missing}\" SET statement_timeout = '15s'; "
        f"ALTER ROLE \"{two_missing}\" SET idle_in_transaction_session_timeout = '30s'; "
        "in PostgreSQL, then RECONNECT; in PgBouncer"
        + ("." if pooled else ", and set DATABASE_POOLED=true.")
    )


def test_the_preflight_names_what_to_run_but_does_not_turn_red() -> None:
    lacking = time_limits.Missing("no limit of locks", "run ALTER ROLE")
    whole, partly = (
        checks.database(cast("Facts", SimpleNamespace(missing_limits=one)))
        for one in (None, lacking)
    )

    assert (whole.result, whole.to_do) == (Result.OK, "")
    assert (partly.result, partly.seen, partly.to_do) == (
        Result.FAILS,
        "no limit of locks.",
        "Run ALTER ROLE.",
    )
    assert not checks.CHECKS["database"].serious


@pytest.mark.usefixtures("two_missing")
def test_the_check_fails_and_every_process_tells_it_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(time_limits, "_looked_at", set())

    (error,) = run_checks(tags=[Tags.database], databases=["default"])
    for _ in range(2):
        time_limits.look_once(connection)

    assert (error.id, error.is_serious()) == ("daybreak.E012", True)
    assert [record.getMessage() for record in caplog.records] == [error.msg]


def test_nothing_is_told_of_limits_that_are_there(caplog: pytest.LogCaptureFixture) -> None:
    assert time_limits.missing(connection) is None
    assert run_checks(tags=[Tags.database], databases=["default"]) == []
    assert run_checks(tags=[Tags.database]) == []  # `check` without --database asks nobody
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [[*TIMEOUTS]]
            )
            limits = dict(cursor.fetchall())
        assert limits == {  # milliseconds
            "statement_timeout": "15000",
            "lock_timeout": "3000",
            "idle_in_transaction_session_timeout": "30000",
        }
