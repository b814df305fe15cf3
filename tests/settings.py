"""The project's settings, with only speed and isolation changed."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("DAYBREAK_VAR", tempfile.mkdtemp(prefix="daybreak-tests-"))
os.environ.setdefault("SECRET_KEY", "a key for tests only, long enough to pass the settings' own check")
os.environ.setdefault("HTTPS", "false")
os.environ.setdefault("WHATSAPP_ACCESS_TOKEN", "test-token")
os.environ.setdefault("WHATSAPP_APP_SECRET", "test-app-secret")
os.environ.setdefault("WHATSAPP_VERIFY_TOKEN", "test-verify-token")
if os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from config.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
