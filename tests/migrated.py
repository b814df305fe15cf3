"""The tests' database is migrated once in a run; every further worker begins with a copy.

Migrating takes 4 s of CPU, a copy almost nothing. The first worker that needs a database migrates
an empty one, as an installation does, while the others wait for it. Afterwards each has Django
migrate its copy as well, which finds nothing to do.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

SQLITE = "migrated.sqlite3"
POSTGRES = "migrated.postgres"  # an empty file: PostgreSQL has the database itself


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
    partitioned_if_asked: None,
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
) -> Iterator[None]:
    """pytest-django's own step before it makes this worker's database."""
    with pytest.MonkeyPatch.context() as patch:
        if worker_id != "master":  # nobody to share with
            shared = tmp_path_factory.getbasetemp().parent
            create = _copying(connection.creation.create_test_db, shared, worker_id)
            patch.setattr(connection.creation, "create_test_db", create)
        yield


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One worker at a time; a worker that dies lets the next one in."""
    with (folder / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def drop_postgres_copy(server: str) -> None:
    """At the end of a run, from the server that somebody gave."""
    copy = connection.creation._get_test_db_name() + "_migrated"
    with (
        contextlib.suppress(psycopg.OperationalError),  # the server has ended before us
        psycopg.connect(server, autocommit=True) as session,
    ):
        session.execute(f'DROP DATABASE IF EXISTS "{copy}"')


def _copying(create: Callable[..., str], folder: Path, worker: str) -> Callable[..., str]:
    """Django's way to make a test database, but from a copy as soon as there is one."""
    copy = _copy_sqlite if connection.vendor == "sqlite" else _copy_postgres

    def create_once(**options: Any) -> str:
        with locked(folder):
            keep = copy(folder, worker)
            name = create(**options)
            if keep is not None:
                connection.close()
                keep(name)
        return name

    return create_once


def _copy_sqlite(folder: Path, _worker: str) -> Callable[[str], None] | None:
    """Prepares the creation from the copy; how to keep one, if there is none yet."""
    kept = folder / SQLITE
    if kept.exists():
        shutil.copyfile(kept, connection.creation._get_test_db_name())
        connection.creation._create_test_db = lambda *_, **__: None  # it would be deleted
        return None

    def keep(name: str) -> None:
        shutil.copyfile(name, folder / "migrating.sqlite3").rename(kept)

    return keep


def _copy_postgres(folder: Path, worker: str) -> Callable[[str], None] | None:
    made = folder / POSTGRES
    copy = connection.creation._get_test_db_name().removesuffix(f"_{worker}") + "_migrated"
    if made.exists():
        connection.settings_dict["TEST"]["TEMPLATE"] = copy
        return None

    def keep(name: str) -> None:
        with connection.creation._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{copy}"')  # of a run that was killed
            cursor.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')
        made.touch()

    return keep
