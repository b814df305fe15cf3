"""The database, an optional read replica for long queries, and PgBouncer in front of them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from config.settings import environment as env

REPLICA = "replica"

SQLITE_OPTIONS = {
    # Without IMMEDIATE, transactions that read before they write can end in "database is locked".
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}
# PostgreSQL's own limits. Behind PgBouncer the roles have them: deploy/postgres/roles.sql.
TIMEOUTS = {
    "statement_timeout": "15s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "30s",
}
POSTGRES_OPTIONS = {
    # A dead peer is detected in about 25 s instead of the kernel's two hours.
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15000,
    "options": " ".join(f"-c {name}={limit}" for name, limit in TIMEOUTS.items()),
}


def databases(folder: Path) -> dict[str, dict[str, Any]]:
    """DATABASES: `default`, and `replica` if DATABASE_REPLICA_URL names one.

    Without a DATABASE_URL it is an SQLite file in `folder`. DATABASE_POOLED says that PgBouncer is
    in front, in transaction mode: each transaction may get another session of the server, so
    nothing is kept in one, neither settings nor cursors nor prepared statements.
    """
    url = env.text("DATABASE_URL", f"sqlite:///{folder / 'daybreak.sqlite3'}")
    pooled = env.boolean("DATABASE_POOLED", default=False)
    configured = {"default": _database("DATABASE_URL", url, pooled=pooled)}
    if replica := env.text("DATABASE_REPLICA_URL"):
        # Tests have one database, which is also the replica.
        configured[REPLICA] = {
            **_database("DATABASE_REPLICA_URL", replica, pooled=pooled),
            "TEST": {"MIRROR": "default"},
        }
    return configured


def _database(name: str, url: str, *, pooled: bool) -> dict[str, Any]:
    try:
        with warnings.catch_warnings(action="ignore"):  # an unknown scheme is refused below
            database: dict[str, Any] = environ.Env.db_url_config(url)
    except (ValueError, KeyError, TypeError):  # the value may hold a password: it is not repeated
        raise ImproperlyConfigured(
            f"{name} must be a URL such as postgresql://user:password@host:5432/name."
        ) from None
    if database.get("ENGINE") == "django.db.backends.sqlite3":
        return {**database, "OPTIONS": SQLITE_OPTIONS, "CONN_MAX_AGE": None}
    if database.get("ENGINE") == "django.db.backends.postgresql":
        return _postgresql(name, database, pooled=pooled)
    raise ImproperlyConfigured(f"{name} must start with postgresql:// or sqlite:///.")


def _postgresql(name: str, database: dict[str, Any], *, pooled: bool) -> dict[str, Any]:
    given = database.get("OPTIONS") or {}
    options = {**POSTGRES_OPTIONS, **given}
    if pooled:
        if "options" in given:
            raise ImproperlyConfigured(
                f"{name}: PgBouncer passes no `options` on; set them for the role (ALTER ROLE)."
            )
        del options["options"]
        options["prepare_threshold"] = None
    return {
        **database,
        "OPTIONS": options,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": pooled,
    }
