"""What tells pages and API that a table was written."""

from __future__ import annotations

from django.db import models


class TableStamp(models.Model):
    """Written by the triggers of `cached/watched_tables.py` only, in the transaction that writes.

    On PostgreSQL a row for each statement, so that writers never wait for each other; on SQLite
    one row for each table. Random tokens, because SQLite gives a key again after a rollback.
    """

    name = models.CharField(max_length=63, db_index=True)  # of the table
    token = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} {self.token}"
