"""Logging of every process on stderr, as text lines or JSON objects, redacted.

`redact` runs on the finished text, including tracebacks: a filter on the record would see neither
those nor the arguments merged into the message.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from masking.phones import mask_phone
from masking.placeholders import SECRET
from masking.user_ids import mask_user_ids

LEVELS = ("debug", "info", "warning", "error", "critical")
FORMS = ("text", "json")
MIN_SECRET_CHARACTERS = 12  # shorter secrets would match inside ordinary words

# Control characters, with which untrusted text could change a terminal or forge a line.
_CONTROLS = {code: "?" for code in (*range(32), 127) if chr(code) not in "\t\n"}
_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=|-]+"), rf"\1{SECRET}"),
    (
        re.compile(
            r"(?i)\b((?:access_token|verify_token|input_token|appsecret_proof|app_secret|client_secret"
            r"|password|sessionid|csrftoken)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&;,]+"
        ),
        rf"\1{SECRET}",
    ),
    (re.compile(r"\bEAA[A-Za-z0-9]{20,}"), SECRET),  # prefix of Meta's access tokens
    (re.compile(r"(?i)\b(sha256=)[0-9a-f]{8,}"), rf"\1{SECRET}"),
    (re.compile(r"(://)[^\s/@]*@"), rf"\1{SECRET}@"),  # user and password in a URL
    # E.164 with its plus, or India's without, as WhatsApp writes it.
    (
        re.compile(r"(?:\+[1-9]\d{7,14}|(?<!\d)91[6-9]\d{9})(?!\d)"),
        lambda match: mask_phone(match[0]),
    ),
)


def configuration(*, level: str, form: str, secrets: Iterable[str]) -> dict[str, Any]:
    """Django's LOGGING: one handler on the root logger for the lines of every library.

    `secrets` are values that are hidden wherever they occur.
    """
    formatter = {"()": TextFormatter if form == "text" else JsonFormatter, "secrets": [*secrets]}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"redacted": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "redacted"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        # Django's own handlers of these loggers would not redact.
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
        },
    }


def redactor(secrets: Iterable[str] = ()) -> Callable[[str], str]:
    """A function that hides tokens, signatures, passwords, phones, user ids and `secrets`."""
    known = [re.escape(secret) for secret in secrets if len(secret) >= MIN_SECRET_CHARACTERS]
    values = re.compile("|".join(sorted(known, key=len, reverse=True)) or r"(?!)")

    def redact(text: str) -> str:
        text = mask_user_ids(values.sub(SECRET, text))
        for pattern, replacement in _RULES:
            text = pattern.sub(replacement, text)
        return text

    return redact


class _RedactingFormatter(logging.Formatter):
    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._redact = redactor(secrets)

    def traces(self, record: logging.LogRecord) -> list[str]:
        """The record's traceback and stack, if it has any."""
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        stack = self.formatStack(record.stack_info) if record.stack_info else ""
        return [text for text in (record.exc_text, stack) if text]


class TextFormatter(_RedactingFormatter):
    """One line per record, in UTC: `2026-11-23T00:30:00.123Z INFO webhooks.tasks: Done.`"""

    def format(self, record: logging.LogRecord) -> str:
        message = _message(record).translate(_CONTROLS).replace("\n", "\n  ")
        head = f"{_time(record)} {record.levelname} {record.name}: {message}"
        return self._redact("\n".join([head, *self.traces(record)]))


class JsonFormatter(_RedactingFormatter):
    """One JSON object per line: time, level, logger, message, process, exception."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(_message(record)),
            "process": record.process,
        }
        if traces := "\n".join(self.traces(record)):
            entry["exception"] = self._redact(traces)
        return json.dumps(entry, ensure_ascii=False)


def _message(record: logging.LogRecord) -> str:
    """The message with its arguments. If they do not match the format, `logging` would print them
    unredacted."""
    try:
        return record.getMessage()
    except Exception:
        return f"{record.msg} (its arguments do not fit)"


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03}Z"
