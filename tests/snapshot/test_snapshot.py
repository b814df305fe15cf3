"""What others rely on is what it was when `data/` was recorded.

On purpose no module of the product is imported here: they may move, this must not change.
"""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
from collections.abc import Callable

import psycopg
import pytest
from django.db import connection

from tests.snapshot import schema, surface
from tests.snapshot.record import RECORD

PARTS: dict[str, Callable[[], list[str]]] = {
    "urls": surface.urls,
    "tasks": surface.tasks,
    "permissions": surface.permissions,
    "models": surface.models,
    "commands": surface.commands,
    "environment": surface.environment,
    "alert_rules": surface.alert_rules,
    "events": surface.events,
    "metrics": surface.metrics,
    "openapi": surface.openapi,
}


def compare(name: str, lines: list[str]) -> None:
    """With what was recorded, or record it."""
    file = surface.DATA / f"{name}.txt"
    if os.environ.get(RECORD):
        file.write_text("\n".join([*lines, ""]))
    recorded = file.read_text().splitlines()
    assert lines, f"{name}: nothing was found"
    if lines != recorded:
        changes = difflib.unified_diff(recorded, lines, "recorded", "now", lineterm="", n=1)
        pytest.fail("\n".join([f"{name} changed:", *changes]), pytrace=False)


@pytest.mark.parametrize("name", PARTS)
def test_it_is_as_recorded(name: str) -> None:
    compare(name, PARTS[name]())


def test_the_kept_openapi_document_is_as_recorded() -> None:
    compare("openapi", surface.openapi_kept())


@pytest.mark.django_db
@pytest.mark.usefixtures("on_sqlite")
def test_the_schema_on_sqlite_is_as_recorded() -> None:
    compare("schema_sqlite", schema.on_sqlite(_ask))


def test_the_schema_on_postgresql_is_as_recorded(postgres_url: str) -> None:
    """Always where PostgreSQL is installed: the suite on SQLite must notice, too."""
    migrated = {**os.environ, "DATABASE_URL": postgres_url}
    migrated["DJANGO_SETTINGS_MODULE"] = "config.settings"
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=surface.ROOT, env=migrated, check=True, timeout=120)
    with psycopg.connect(postgres_url) as session:
        lines = schema.on_postgresql(lambda query: session.execute(query).fetchall())
    compare("schema_postgresql", lines)


def _ask(query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
