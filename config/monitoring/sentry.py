"""Error reports to Sentry, redacted."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from django.conf import settings

from config.settings.redaction import names_only, redactor, without_query
from masking.placeholders import SECRET
from masking.texts import mask_text

REPEAT_SECONDS = 60.0
FAULTS_LIMIT = 1_000  # remembered
SECRET_HEADERS = {"cookie", "authorization", "x-csrftoken", "proxy-authorization"}


def start_sentry(dsn: str) -> None:
    """Reports errors to Sentry if `dsn` is set: redacted, without request bodies and variables."""
    if not dsn:
        return
    import sentry_sdk  # takes half a second, which most processes need not spend

    redact = redactor(settings.LOG_SECRETS)
    faults = Faults()
    sentry_sdk.init(
        dsn=dsn,
        include_local_variables=False,  # they hold phone numbers and tokens
        max_request_body_size="never",
        release=settings.RELEASE or None,
        environment=settings.SENTRY_ENVIRONMENT,
        before_send=lambda event, _: redacted(event, redact) if faults.is_new(event) else None,
        before_send_transaction=lambda event, _: redact_all(
            without_personal_request(event), redact
        ),
    )


class Faults:
    """One event per fault: the same one again within REPEAT_SECONDS is not sent. A morning's
    fault meets every message, and thousands of events say no more than one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._sent: dict[tuple[str, ...], float] = {}

    def is_new(self, event: Any) -> bool:
        """Whether to send it. Check-ins and what names no fault are always sent."""
        fault = _fault_of(event)
        if not fault:
            return True
        now = self._clock()
        with self._lock:
            if now - self._sent.get(fault, -REPEAT_SECONDS) < REPEAT_SECONDS:
                return False
            if len(self._sent) >= FAULTS_LIMIT:
                self._sent.clear()
            self._sent[fault] = now
        return True


def _fault_of(event: Any) -> tuple[str, ...]:
    """The kind of an exception and the place it came from, or the unformatted text of a log line:
    what is the same whichever message or person it is about."""
    exceptions = (event.get("exception") or {}).get("values") or []
    if exceptions:
        last = exceptions[-1]
        frames = (last.get("stacktrace") or {}).get("frames") or [{}]
        place = [str(frames[-1].get(key, "")) for key in ("module", "function", "lineno")]
        return (str(last.get("type")), *place)
    entry = event.get("logentry") or {}
    text = entry.get("message") or event.get("message")
    return (str(event.get("logger", "")), str(text)) if text else ()


def redacted(event: Any, redact: Callable[[str], str]) -> Any:
    """An event as it may be sent. Check-ins come this way, too: their ids pair a start with its
    end, and digits in them must not be taken for a phone number."""
    shown = redact_all(without_personal_request(event), redact)
    if isinstance(event, dict) and event.get("type") == "check_in":
        return {**shown, "check_in_id": event.get("check_in_id")}
    return shown


def without_personal_request(event: Any) -> Any:
    """The event without values of the query, cookies and the headers that carry a secret."""
    request = event.get("request") if isinstance(event, dict) else None
    if not isinstance(request, dict):
        return event
    kept = {name: value for name, value in request.items() if name not in ("cookies", "data")}
    if isinstance(kept.get("query_string"), str):
        kept["query_string"] = names_only(kept["query_string"])
    elif "query_string" in kept:
        kept["query_string"] = ""
    if isinstance(kept.get("url"), str):
        kept["url"] = without_query(kept["url"])
    headers = kept.get("headers")
    if isinstance(headers, dict):
        kept["headers"] = {
            name: SECRET if name.lower() in SECRET_HEADERS else _without_query(name, value)
            for name, value in headers.items()
        }
    return {**event, "request": kept}


def _without_query(name: str, value: Any) -> Any:
    is_address = name.lower() in ("referer", "x-original-uri") and isinstance(value, str)
    return without_query(value) if is_address else value


def redact_all(value: Any, redact: Callable[[str], str]) -> Any:
    """`value` with every string in it redacted, at any depth."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {_key(key): redact_all(inner, redact) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact_all(inner, redact) for inner in value]
    return value


def _key(key: Any) -> Any:
    """Keys are names of ours, but for those of a table by number."""
    return mask_text(key) if isinstance(key, str) else key
