"""Tokens of the API: made, recognised, revoked. Only their SHA-256 is ever stored.

A key has 256 random bits, so a plain digest is enough: there is nothing to guess, and a slow
one would cost each request.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser

from distribution.models import ApiToken, Scope

MARK = "dbk_"  # scanners of repositories and logs recognise a leaked key by it
SHOWN = 12  # characters of the key that lists show: the mark and 48 bits
NOTE_EVERY = timedelta(minutes=1)  # a program that asks often does not write often


class TokenError(ValueError):
    """Such a token cannot be made; the sentence is for a human."""


def issue(
    name: str,
    scopes: Iterable[str],
    *,
    user: AbstractBaseUser,
    by: AbstractBaseUser | None,
    expires_at: datetime | None,
    now: datetime,
) -> tuple[ApiToken, str]:
    """A new token and its key, which nobody can be shown again. Raises TokenError."""
    chosen = [scope for scope in Scope.values if scope in set(scopes)]
    unknown = set(scopes) - set(Scope.values)
    if unknown or not chosen:
        raise TokenError(f"Choose one or more of {', '.join(Scope.values)}.")
    if expires_at is not None and expires_at <= now:
        raise TokenError("It would have expired already.")
    key = MARK + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        name=name,
        prefix=key[:SHOWN],
        digest=digest(key),
        scopes=chosen,
        user_id=user.pk,
        created_by_id=by.pk if by else None,
        expires_at=expires_at,
    )
    return token, key


def recognise(key: str, *, now: datetime) -> ApiToken | None:
    """The token in force that this key belongs to; that it was used is noted once a minute."""
    if not key.startswith(MARK):
        return None
    tokens = ApiToken.objects.in_force(now).select_related("user")
    token = tokens.filter(digest=digest(key)).first()
    if token is not None and (token.last_used_at is None or token.last_used_at + NOTE_EVERY <= now):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def revoke(token_id: int, *, now: datetime) -> bool:
    """From now on its key opens nothing. True when this call did it."""
    return bool(ApiToken.objects.filter(pk=token_id, revoked_at=None).update(revoked_at=now))


def digest(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()
