"""API tokens: issue, find by key, revoke. Only the SHA-256 of a key is stored.

A key has 256 random bits, so a plain digest is enough: guessing is hopeless, and a slow hash would
cost every request.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser

from distribution.access.permissions import held_scopes
from distribution.models import ApiToken, Scope

KEY_PREFIX = "dbk_"  # secret scanners recognise a leaked key by it
SHOWN_CHARACTERS = 12  # of a key, in lists: the prefix and 48 bits
LAST_USED_INTERVAL = timedelta(minutes=1)  # a busy token does not cause a write per request


class TokenError(ValueError):
    """The token cannot be issued; the message is for people."""


def issue(
    name: str,
    scopes: Iterable[str],
    *,
    user: AbstractBaseUser,
    by: AbstractBaseUser,
    expires_at: datetime | None,
    now: datetime,
    secret: bytes | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its key, which cannot be shown again. Raises TokenError.

    Neither the person it acts for nor who makes it (`by`) can give it what they may not do.

    `secret` are 256 bits from elsewhere, by which the caller can have the same key again.
    """
    known = [scope for scope in Scope.values if scope in set(scopes)]
    unknown = set(scopes) - set(Scope.values)
    if unknown or not known:
        raise TokenError(f"Choose at least one scope: {', '.join(Scope.values)}.")
    for person in (user, by):
        missing = sorted(set(known) - set(held_scopes(person, known)))
        if missing:
            raise TokenError(f"The role of {person} does not allow: {', '.join(missing)}.")
    if expires_at is not None and expires_at <= now:
        raise TokenError("Choose an expiry in the future.")
    key = key_of(secrets.token_bytes(32) if secret is None else secret)
    token = ApiToken.objects.create(
        name=name,
        prefix=key[:SHOWN_CHARACTERS],
        digest=digest(key),
        scopes=known,
        user_id=user.pk,
        created_by_id=by.pk,
        expires_at=expires_at,
    )
    return token, key


def find_by_key(key: str, *, now: datetime) -> ApiToken | None:
    """The valid token of this key, unless its person's role allows none of its scopes any more.

    Its time of last use is updated at most once a minute.
    """
    if not key.startswith(KEY_PREFIX):
        return None
    tokens = ApiToken.objects.in_force(now).select_related("user")
    token = tokens.filter(digest=digest(key)).first()
    if token is None or not held_scopes(token.user, token.scopes):
        return None
    if token.last_used_at is None or token.last_used_at + LAST_USED_INTERVAL <= now:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def revoke(token_id: int, *, now: datetime) -> bool:
    """Invalidate the token. True if this call did it."""
    return bool(ApiToken.objects.filter(pk=token_id, revoked_at=None).update(revoked_at=now))


def key_of(secret: bytes) -> str:
    """The key with these 256 bits."""
    return KEY_PREFIX + urlsafe_b64encode(secret).decode().rstrip("=")


def digest(key: str) -> str:
    """The stored form of a key."""
    return hashlib.sha256(key.encode()).hexdigest()
