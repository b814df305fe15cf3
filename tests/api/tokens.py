"""API clients that send a token with given scopes."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from distribution.access import tokens
from tests.builders import serial
from tests.distribution.staff import a_member


def a_program(*scopes: str, user: Any = None) -> APIClient:
    """A client with a token of these scopes, or without a token if there are none."""
    client = APIClient()
    if scopes:
        client.credentials(HTTP_AUTHORIZATION=a_header(*scopes, user=user)["Authorization"])
    return client


def a_header(*scopes: str, user: Any = None) -> dict[str, str]:
    """The header of a new token of these scopes."""
    owner = user or a_member(name=f"user-{next(serial):07}")
    _, key = tokens.issue(
        f"program {next(serial)}",
        scopes,
        user=owner,
        by=owner,
        expires_at=None,
        now=timezone.now(),
    )
    return {"Authorization": f"Bearer {key}"}


def a_key() -> dict[str, str]:
    """The header of a request with a new idempotency key: `client.post(…, headers=a_key())`."""
    return {"Idempotency-Key": f"test-{next(serial)}"}
