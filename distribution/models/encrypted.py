"""Columns whose values a dump of the database does not give away.

AES-256 in Galois/Counter Mode by the library `cryptography`, with a key outside the database:
FIELD_ENCRYPTION_KEYS, newest first. Each value names its key, so that rows of an older key stay
readable until `manage.py reencrypt` has gone over them. Stored: `a1.`, six characters of the key's
digest, a dot, and Base64 of nonce, text and tag: 20 bytes become 74 characters, 38 become 98.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.lookups import Exact

MARK = "a1."
NONCE_BYTES = 12  # as NIST SP 800-38D recommends for random ones
HASH_CHARACTERS = 15  # 75 bits, beside one character of the key


def encrypt(text: bytes, purpose: str) -> str:
    """The stored form; it is read again for the same purpose only."""
    name, key = _keys()[0]
    nonce = os.urandom(NONCE_BYTES)
    sealed = _cipher(key).encrypt(nonce, text, purpose.encode())
    return f"{MARK}{name}.{base64.urlsafe_b64encode(nonce + sealed).decode().rstrip('=')}"


def decrypt(stored: str, purpose: str) -> bytes:
    """The value of a stored form."""
    name, _, body = stored.removeprefix(MARK).partition(".")
    key = dict(_keys()).get(name)
    if key is None:
        raise ImproperlyConfigured(f"FIELD_ENCRYPTION_KEYS lacks the key {name} of stored values.")
    data = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    opened: bytes = _cipher(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], purpose.encode())
    return opened


def key_name() -> str:
    """What values name that are encrypted now."""
    return _keys()[0][0]


def hashes(code: str) -> list[str]:
    """The stored forms of a code that is only compared, one for each key, newest first.

    Sixteen characters: one of the key's digest, and 75 bits of an HMAC.
    """
    found = []
    for name, key in _keys():
        digest = hmac.new(key, f"code {code}".encode(), hashlib.sha256).digest()
        found.append(name[0].upper() + base64.b32encode(digest).decode()[:HASH_CHARACTERS])
    return found


def _keys() -> tuple[tuple[str, bytes], ...]:
    secrets = settings.FIELD_ENCRYPTION_KEYS
    return _derived(tuple(secrets or [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]))


@lru_cache(maxsize=8)
def _derived(secrets: tuple[str, ...]) -> tuple[tuple[str, bytes], ...]:
    keys = [hashlib.sha256(f"daybreak field {secret}".encode()).digest() for secret in secrets]
    names = [base64.b32encode(hashlib.sha256(key).digest()).decode()[:6].lower() for key in keys]
    return tuple(zip(names, keys, strict=True))


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # only who needs it loads it

    return AESGCM(key)


class _TextColumn(models.CharField):  # type: ignore[type-arg]  # not generic at run time
    """To migrations it is a CharField: the column stays the same."""

    def deconstruct(self) -> Any:
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.CharField", arguments, options


class EncryptedField(_TextColumn):
    """Text that is encrypted in the database. Rows from before that are read as they are.

    Whoever declares one sets its `purpose`, and `is_hex` for digits that are stored as bytes.
    """

    purpose = "event secret"
    is_hex = False

    def from_db_value(self, stored: str | None, *_: object) -> str | None:
        if not stored or not stored.startswith(MARK):
            return stored
        text = decrypt(stored, self.purpose)
        return text.hex() if self.is_hex else text.decode()

    def get_prep_value(self, value: Any) -> Any:
        if not isinstance(value, str) or not value or value.startswith(MARK):
            return super().get_prep_value(value)
        return encrypt(bytes.fromhex(value) if self.is_hex else value.encode(), self.purpose)


class HashedField(_TextColumn):
    """A code that is only compared: its keyed hash is stored, once, and never saved again."""

    def get_prep_value(self, value: Any) -> Any:
        return hashes(value)[0] if isinstance(value, str) and value else value


@HashedField.register_lookup
class HashedExact(Exact):
    """Equal to the hash of the value by any of the keys."""

    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        left, parameters = self.process_lhs(compiler, connection)
        found = hashes(str(self.rhs))
        return f"{left} IN ({', '.join(['%s'] * len(found))})", [*parameters, *found]
