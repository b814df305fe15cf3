"""People are not removed while a distribution freezes whom it writes to, nor the other way round;
and one import at a time is begun.

PostgreSQL only: on SQLite a transaction that writes keeps all others out. The locks end with the
transaction.
"""

from __future__ import annotations

from django.db import connection

_KEY = 1_635_083_369  # "audi", as the bytes of an integer: nothing else here has this key
_IMPORT_KEY = 1_768_779_887  # "impo"


def hold_while_freezing() -> None:
    """Wait for a removal of people to be committed, some 100 ms, and let none begin.

    The statement after it sees whoever was removed as removed.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_KEY])


def take_for_removal() -> bool:
    """Let no distribution freeze its audience; False while one does so."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_KEY])
        return bool(cursor.fetchone()[0])


def one_at_a_time() -> None:
    """Wait until no other process decides, in a short transaction, which import is next."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_IMPORT_KEY])
