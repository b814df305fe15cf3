"""Two spellings of one phone are added one after the other, so that the second finds the first.

For one spelling the unique constraint does that. PostgreSQL only: SQLite has one writer at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from django.db import connection

from subscribers.identity.spellings import shared_spelling, spellings


def lock_spellings(phones: Iterable[str]) -> None:
    """Wait for other transactions that add one of these phones in another spelling; call it before
    asking who has them. Ends with the transaction. No statement for phones of one spelling only.
    """
    if connection.vendor != "postgresql":
        return
    shared = {shared_spelling(phone) for phone in phones if len(spellings(phone)) > 1}
    if shared:
        keys = sorted(map(_key, shared))  # in one order: two lists must not wait for each other
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key", [keys]
            )


def _key(phone: str) -> int:
    digest = hashlib.blake2b(phone.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
