"""Erased people are recognised by a keyed hash of the phone, and by nothing else."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from django.conf import settings

from subscribers.models import Erasure, Suppression


def phone_hash(phone: str) -> str:
    """The keyed hash of an E.164 number; without a key, trying all numbers would reveal it."""
    return _hash(phone, _keys()[0])


def find_erased(phones: Iterable[str]) -> set[str]:
    """Those of these phones (E.164) that were erased and have not written START since."""
    candidates = set(phones)
    if not candidates or not Erasure.objects.exists():
        return set()
    by_hash = {_hash(phone, key): phone for phone in candidates for key in _keys()}
    hashes = Erasure.objects.filter(phone_hash__in=by_hash).values_list("phone_hash", "asked_at")
    erased = {by_hash[digest]: asked_at for digest, asked_at in hashes}
    returned = Suppression.objects.filter(phone__in=erased, holds=False)
    back = {row.phone for row in returned if row.at > erased[row.phone]}
    return erased.keys() - back


def _keys() -> list[str]:
    """The key in use first, then those it replaced."""
    own = [settings.ERASURE_KEY] if settings.ERASURE_KEY else []
    return [*own, settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def _hash(phone: str, key: str) -> str:
    return hmac.new(key.encode(), f"erased:{phone}".encode(), hashlib.sha256).hexdigest()
