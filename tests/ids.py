"""On SQLite, ids begin where they show what depends on them by accident.

A rolled back test gives its ids back there, so every test would see 1, 2, 3: a set of these comes
in their order, and the first row of one table has the id of the first row of every other. On
PostgreSQL ids go on from test to test, and such a test fails once in many runs.
"""

from __future__ import annotations

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

LAST_ID = 6  # a set of 7 and 8 comes backwards: 8 modulo 8 is 0
APART = 1000  # ids of two tables are never equal in a test; a multiple of 8

BEGIN = """
INSERT INTO sqlite_sequence (name, seq)
SELECT name, 0 FROM sqlite_master
WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'
  AND name NOT IN (SELECT name FROM sqlite_sequence)
"""
MOVE = "UPDATE sqlite_sequence SET seq = %s WHERE name = %s AND seq = 0"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """pytest-django's own step, and then each empty table's first id."""
    with django_db_blocker.unblock():
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute(BEGIN)
                cursor.execute("SELECT name FROM sqlite_sequence ORDER BY name")
                tables = [name for (name,) in cursor.fetchall()]
                cursor.executemany(
                    MOVE, [(LAST_ID + APART * place, name) for place, name in enumerate(tables)]
                )
