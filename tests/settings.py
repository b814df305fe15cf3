"""The project's settings, with only speed and isolation changed.

What the person's shell or `.env` says must not reach the tests: every variable that
`.env.example` lists is emptied first. TEST_DATABASE_URL and TEST_REDIS_URL are the way in.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent.parent / ".env.example"
OURS = {
    "SECRET_KEY": "a key for tests only, long enough to pass the settings' own check",
    "HTTPS": "false",
    "LOG_FORMAT": "text",
    "TWO_FACTOR": "off",
    "API_RATE_STRANGERS": "1000000",  # all tests come from one address
    "REDIS_URL": "redis://127.0.0.1:9/0",  # nobody listens there: a test says so if it needs one
    "EVENT_PRIVATE_NETWORKS": "127.0.0.0/8,::1",  # receivers of the tests
    "WHATSAPP_API_BASE": "http://127.0.0.1:9",  # nor there: no test asks Meta itself
    "WHATSAPP_ACCESS_TOKEN": "test-token",
    "WHATSAPP_APP_SECRET": "test-app-secret",
    "WHATSAPP_VERIFY_TOKEN": "test-verify-token",
}


def isolate() -> None:
    """Gives this process, and those it starts, an environment and a folder of the tests' own."""
    folder = tempfile.mkdtemp(prefix="daybreak-tests-")
    Path(folder).chmod(0o711)  # a PostgreSQL that runs as another account walks through it
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update(dict.fromkeys(re.findall(r"^(\w+)=", EXAMPLE.read_text(), re.M), ""))
    os.environ.update(OURS, DAYBREAK_VAR=folder, DAYBREAK_TESTS="1")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each process would compile all anew
    sys.dont_write_bytecode = False
    os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")
    os.environ["DATABASE_POOLED"] = str(bool(os.environ.get("TEST_DATABASE_DIRECT_URL")))
    os.environ["REDIS_URL"] = os.environ.get("TEST_REDIS_URL", "") or OURS["REDIS_URL"]


if "DAYBREAK_TESTS" not in os.environ:  # a test's own children keep what the test gave them
    isolate()

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, VAR_DIR  # noqa: E402

EMAIL_ENABLED = True  # also with a DATABASE_URL, as with an EMAIL_URL; pytest-django keeps e-mails

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Django would test in memory, where threads share one connection's fate and WAL does not exist.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "tests.sqlite3")}
    # Rows come backwards where no order was asked for, as they may on PostgreSQL after an update.
    SQLITE_OPTIONS = DATABASES["default"]["OPTIONS"]
    SQLITE_OPTIONS = {
        **SQLITE_OPTIONS,
        "init_command": SQLITE_OPTIONS["init_command"] + "PRAGMA reverse_unordered_selects=ON;",
    }
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
