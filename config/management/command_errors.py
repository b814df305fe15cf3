"""What a management command says when it fails: one sentence, never a traceback.

`--traceback`, an option of every command, shows where an unexpected error happened.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connections
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

INTERRUPTED = 130  # as shells count Ctrl-C
SERVICES = ("worker", "keeper")  # their tracebacks go to the log of the service
MISSING = ("no such table", "no such column", "does not exist")
# What psycopg says before the reason; we name the server ourselves.
CONNECTING = re.compile(r"(connection failed: )?(connection to server at .*? failed: )?(FATAL: +)?")
POOLER = "unsupported startup parameter"  # what PgBouncer says to the time limits that we ask for
SET_POOLED = "This is PgBouncer: set DATABASE_POOLED=true."
MIGRATE = "The database is not up to date: run `python manage.py migrate`."


def run(arguments: Sequence[str]) -> int:
    """Run `manage.py …` and return its exit code."""
    try:
        execute_from_command_line(list(arguments))
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return INTERRUPTED
    except Exception as error:
        known = known_sentence(error)
        if "--traceback" in arguments or (not known and arguments[1:2] in [[s] for s in SERVICES]):
            raise
        sys.stderr.write(f"{known or unexpected_sentence(error)}\n")
        return 1
    return 0


def known_sentence(error: Exception) -> str:
    """What went wrong outside of the program, in one sentence; '' if it is unexpected."""
    if isinstance(error, ImproperlyConfigured):
        return f"Configuration error: {_reason(error)}"
    if isinstance(error, BrokerError | RedisError):
        from django.conf import settings

        return _redacted(f"Cannot reach the broker at {settings.REDIS_URL}: {_reason(error)}")
    if isinstance(error, DatabaseError) and any(one in str(error) for one in MISSING):
        return MIGRATE
    if isinstance(error, OperationalError | InterfaceError):
        remedy = f" {SET_POOLED}" if POOLER in str(error) else ""
        return _redacted(f"Cannot use the database {_database()}: {_reason(error)}{remedy}")
    if isinstance(error, OSError) and error.strerror:
        place = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{place}."
    return ""


def unexpected_sentence(error: Exception) -> str:
    """An error that nobody foresaw, in one line."""
    what = "The database refused it" if isinstance(error, IntegrityError) else type(error).__name__
    return _redacted(f"{what}: {_reason(error)} Run it again with --traceback for details.")


def _database() -> str:
    found = connections["default"].settings_dict
    place = f"{found['HOST']}:{found['PORT'] or 5432}/" if found["HOST"] else ""
    return f"{place}{found['NAME']}"


def _reason(error: Exception) -> str:
    """The first line of its message: the second of PostgreSQL's has the values of the row."""
    lines = str(error).strip().splitlines() or ["no reason is given"]
    reason = CONNECTING.sub("", lines[0].strip(), count=1)
    return reason if reason.endswith((".", "!")) else f"{reason}."


def _redacted(text: str) -> str:
    from config.settings.redaction import redactor  # the settings are read by now

    return redactor()(text)
