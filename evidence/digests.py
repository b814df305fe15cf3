"""What a link is computed from: pure functions of values and salts.

SHA-256 throughout. A personal value enters as an HMAC under 16 random bytes: once value and salt
are gone, the hash that stays tells nothing, and the digests above it still agree.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from evidence.chains import Layout

SIZE = 16  # bytes of a salt, and of a personal column's hash
ERASED_SALT = bytes(SIZE)
ERASED = "erased:"  # and the row's id, for some columns are unique


def genesis(table: str) -> bytes:
    """What stands before the first link."""
    return hashlib.sha256(f"daybreak evidence {table}".encode()).digest()


def new_salts(count: int) -> list[bytes]:
    return [secrets.token_bytes(SIZE) for _ in range(count)]


def parts(joined: bytes) -> list[bytes]:
    """Salts or hashes as they are stored, one after the other."""
    return [joined[start : start + SIZE] for start in range(0, len(joined), SIZE)]


def personal_hash(salt: bytes, column: str, value: Any) -> bytes:
    return hmac.digest(salt, _encoded([column, value]), "sha256")[:SIZE]


def personal_hashes(layout: Layout, values: Sequence[Any], salts: Sequence[bytes]) -> bytes:
    """The hashes of a row's personal columns, joined; `values` as in `layout.columns`."""
    own = values[1 + len(layout.plain) :]
    named = zip(layout.personal, own, salts, strict=True)
    return b"".join(personal_hash(salt, column, value) for column, value, salt in named)


def row_digest(table: str, layout: Layout, values: Sequence[Any], personal: bytes) -> bytes:
    """Of the table, the id, the plain columns, and the hashes of the personal ones."""
    plain = values[: 1 + len(layout.plain)]
    return hashlib.sha256(_encoded([table, *plain]) + personal).digest()


def link_digest(previous: bytes, row: bytes) -> bytes:
    return hashlib.sha256(previous + row).digest()


def agrees(layout: Layout, values: Sequence[Any], personal: bytes, salts: bytes) -> bool:
    """Whether each personal value is the one that was hashed, or was erased together with its
    salt."""
    own = values[1 + len(layout.plain) :]
    stored = zip(layout.personal, own, parts(personal), parts(salts), strict=True)
    return all(
        is_blank(value, values[0])
        if salt == ERASED_SALT
        else hmac.compare_digest(personal_hash(salt, column, value), digest)
        for column, value, digest, salt in stored
    )


def is_blank(value: Any, row_id: int) -> bool:
    """Whether this is what erasure leaves."""
    return bool(value in (f"{ERASED}{row_id}", {"erased": row_id}))


def _encoded(values: Sequence[Any]) -> bytes:
    return _JSON.encode(values).encode("utf-8", "surrogatepass")


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"A {type(value).__name__} cannot be part of a digest.")


# Made once: `json.dumps` would make one for each value.
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=_text)
