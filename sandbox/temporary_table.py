"""A table on disk for what would fill the memory; it ends with its connection."""

from __future__ import annotations

import sqlite3


def create_table(statement: str) -> sqlite3.Connection:
    """The connection to a temporary database that has this table."""
    file = sqlite3.connect("")
    file.execute("PRAGMA journal_mode = OFF")
    file.execute(statement)
    return file
