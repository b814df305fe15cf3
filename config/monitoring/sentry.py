"""Error reports to Sentry, redacted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings

from config.settings.logs import redactor


def start_sentry(dsn: str) -> None:
    """Reports errors to Sentry if `dsn` is set: redacted, without request bodies and variables."""
    if not dsn:
        return
    import sentry_sdk  # takes half a second, which most processes need not spend

    redact = redactor(settings.LOG_SECRETS)
    sentry_sdk.init(
        dsn=dsn,
        send_default_pii=False,
        include_local_variables=False,  # they hold phone numbers and tokens
        max_request_body_size="never",
        before_send=lambda event, _: redact_all(event, redact),
    )


def redact_all(value: Any, redact: Callable[[str], str]) -> Any:
    """`value` with every string in it redacted, at any depth."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_all(inner, redact) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact_all(inner, redact) for inner in value]
    return value
