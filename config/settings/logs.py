"""Logging of every process on stderr, as text lines or JSON objects, redacted.

`redact` runs on the finished text, including tracebacks: a filter on the record would see neither
those nor the arguments merged into the message.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from config.settings.redaction import redactor
from config.web import request_ids

LEVELS = ("debug", "info", "warning", "error", "critical")
FORMS = ("text", "json")
# Control characters, with which untrusted text could change a terminal or forge a line.
_CONTROLS = {code: "?" for code in (*range(32), 127) if chr(code) not in "\t\n"}


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
    """One line per record, in UTC: `2026-11-23T00:30:00.123Z INFO webhooks.tasks: Done.`; with the
    id of the request behind the logger's name if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        message = _message(record).translate(_CONTROLS).replace("\n", "\n  ")
        request_id = request_ids.current()
        where = f"{record.name} [{request_id}]" if request_id else record.name
        head = f"{_time(record)} {record.levelname} {where}: {message}"
        return self._redact("\n".join([head, *self.traces(record)]))


class JsonFormatter(_RedactingFormatter):
    """One JSON object per line: time, level, logger, message, process, request, exception."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(_message(record)),
            "process": record.process,
        }
        if request_id := request_ids.current():
            entry["request"] = request_id
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
