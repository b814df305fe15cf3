"""API clients that send a token with given scopes."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from distribution.access import tokens
from tests.builders import a_user, serial


def a_program(*scopes: str, user: Any = None) -> APIClient:
    """A client with a token of these scopes, or without a token if there are none."""
    client = APIClient()
    if scopes:
        client.credentials(HTTP_AUTHORIZATION=a_header(*scopes, user=user)["Authorization"])
    return client


def a_header(*scopes: str, user: Any = None) -> dict[str, str]:
    """The header of a new token of these scopes."""
    _, key = tokens.issue(
        f"program {next(serial)}",
        scopes,
        user=user or a_user(),
        by=None,
        expires_at=None,
        now=timezone.now(),
    )
    return {"Authorization": f"Bearer {key}"}


def a_key() -> dict[str, str]:
    """The header of a request with a new idempotency key: `client.post(…, headers=a_key())`."""
    return {"Idempotency-Key": f"test-{next(serial)}"}
