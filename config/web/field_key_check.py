"""A check before deployment: stored secrets have keys of their own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

ID = "daybreak.E002"
HINT = (
    "Set FIELD_ENCRYPTION_KEYS to at least 32 random characters, kept outside the database and its "
    'backups: python -c "import secrets; print(secrets.token_urlsafe(48))"'
)


@register(Tags.security, deploy=True)
def field_keys(**_: Any) -> list[CheckMessage]:
    """An error while they are derived from SECRET_KEY, which signs cookies."""
    if settings.FIELD_ENCRYPTION_KEYS:
        return []
    what = "Seeds of second factors and signing secrets are encrypted with SECRET_KEY."
    return [Error(what, hint=HINT, id=ID)]
