"""The planner's statistics of a table, refreshed on demand.

A restored or just filled table has none, and queries over it may take the wrong way until the
database looks by itself. On PostgreSQL ANALYZE needs the owner of the table, which the application
is not: it calls a function of the owner's.
"""

from __future__ import annotations

from django.apps import apps
from django.db import connection

from distribution.runtime.long_statements import long_statements


def refresh(table: str) -> None:
    """Read a sample of this table and store what it tells."""
    with long_statements(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT refresh_statistics(%s)", [table])
        else:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(table)}")


def refresh_all() -> int:
    """Every table of every app; how many."""
    tables = sorted({model._meta.db_table for model in apps.get_models(include_auto_created=True)})
    for table in tables:
        refresh(table)
    return len(tables)
