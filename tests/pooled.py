"""When the suite passes through PgBouncer, its databases are created and dropped past it.

PgBouncer keeps sessions of a database open, and PostgreSQL neither copies nor drops one that is in
use. Everything else passes through it. `.ci/with_services.py --pgbouncer` gives both addresses.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection
from psycopg import sql


def direct_url() -> str:
    """The server past PgBouncer; nothing when there is no PgBouncer."""
    return os.environ.get("TEST_DATABASE_DIRECT_URL", "")


@pytest.fixture(scope="session")
def created_past_the_pooler() -> Iterator[None]:
    """Before pytest-django makes this worker's database."""
    with pytest.MonkeyPatch.context() as patch:
        if direct_url():
            creation = connection.creation
            patch.setattr(creation, "create_test_db", _directly(creation.create_test_db))
            patch.setattr(creation, "_destroy_test_db", _drop)
        yield


@pytest.fixture
def own_session(on_postgres: None) -> None:
    """For tests that change their session of the server, or look at it."""
    if direct_url():
        pytest.skip("only without PgBouncer, which gives each transaction another session")


def _directly(create: Callable[..., str]) -> Callable[..., str]:
    def create_directly(**options: Any) -> str:
        with _past_the_pooler():
            return create(**options)

    return create_directly


@contextlib.contextmanager
def _past_the_pooler() -> Iterator[None]:
    parts, settings = urlsplit(direct_url()), connection.settings_dict
    before = {name: settings[name] for name in ("HOST", "PORT")}
    connection.close()
    settings.update(HOST=parts.hostname, PORT=parts.port)
    try:
        yield
    finally:
        connection.close()
        settings.update(before)


def _drop(name: str, _verbosity: int) -> None:
    with psycopg.connect(direct_url(), autocommit=True) as session:
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        session.execute(statement.format(sql.Identifier(name)))
