"""The planner's statistics of a table, refreshed on demand.

A restored or just filled table has none, and queries over it may take the wrong way until the
database looks by itself. On PostgreSQL ANALYZE needs the owner of the table, which the application
is not: it calls a function of the owner's.
"""

from __future__ import annotations

import logging

from django.apps import apps
from django.db import DatabaseError, connection, transaction

from distribution.runtime.long_statements import long_statements

logger = logging.getLogger(__name__)

# Fewer rows than this cost little by any plan.
SMALL = 100
KNOWN_SHARE = 0.1


def refresh(table: str) -> None:
    """Read a sample of this table and store what it tells."""
    with long_statements(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT refresh_statistics(%s)", [table])
        else:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(table)}")


def refresh_after_filling(table: str, *, rows: int) -> bool:
    """Refresh if PostgreSQL knows less than a tenth of the `rows` just inserted; whether it did.

    A table analysed while it was empty counts as empty until it is analysed again, however many
    rows it has by then, and an update by key compares every row with every other: 25 updates
    among 10,000 rows took more than 15 s. Call it in the transaction that inserted the rows.
    Another session that analyses the table at this moment, or a missing right, is no error.
    """
    if connection.vendor != "postgresql" or rows < SMALL:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [table])
        if cursor.fetchone()[0] >= rows * KNOWN_SHARE:
            return False
    try:
        with transaction.atomic():
            refresh(table)
    except DatabaseError as error:
        logger.warning("The statistics of %s could not be refreshed: %s", table, error)
        return False
    return True


def refresh_all() -> int:
    """Every table of every app; how many."""
    tables = sorted({model._meta.db_table for model in apps.get_models(include_auto_created=True)})
    for table in tables:
        refresh(table)
    return len(tables)
