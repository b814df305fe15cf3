"""Which tests say the same whatever database the suite runs on, found by what they use.

The pass on PostgreSQL and Redis leaves those out (`-m "not any_database"`); the pass on SQLite
runs every test. pytest-django lets no test reach the database that does not ask for it, so a
test that asks neither for that nor for a server, and whose module starts no process, cannot tell
the two apart. A module that starts processes says by a marker which kind it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

import pytest

# Fixtures of pytest-django and of ours whose tests meet the database or the broker of the pass.
ASKING = frozenset(
    {
        "db",
        "transactional_db",
        "django_db_setup",
        "django_db_reset_sequences",
        "django_db_serialized_rollback",
        "live_server",
        "admin_user",
        "broker_url",
        "postgres_url",
        "on_postgres",
        "on_sqlite",
    }
)
# Whoever imports one of these, or something out of one, starts processes.
STARTING = frozenset(
    {
        "subprocess",
        "multiprocessing",
        "config.demo.environment",
        "config.processes.launcher",
        "config.processes.private_postgres",
        "config.processes.supervisor",
        "tests.processes",
        "tests.serving",
        "tests.throwaway_services",
    }
)


def sort_out(items: Iterable[pytest.Item]) -> None:
    """Mark `any_database` what is found to be so and does not say itself what it is."""
    for item in items:
        asks = asks_for_a_database(item)
        told = {name for name in ("any_database", "each_database") if item.get_closest_marker(name)}
        if len(told) > 1 or (told == {"any_database"} and item.get_closest_marker("django_db")):
            raise pytest.UsageError(f"{item.nodeid} is for any database and for each of them.")
        if not told and not asks:
            item.add_marker(pytest.mark.any_database)


def asks_for_a_database(item: pytest.Item) -> bool:
    """Whether it may tell one database from another."""
    fixtures = set(getattr(item, "fixturenames", ()))
    if item.get_closest_marker("django_db") or fixtures & ASKING:
        return True
    module = getattr(item, "module", None)
    return not isinstance(module, ModuleType) or starts_processes(module)


def starts_processes(module: ModuleType) -> bool:
    """Whether it has imported something that does."""
    for value in vars(module).values():
        origin = value.__name__ if isinstance(value, ModuleType) else _home(value)
        if origin in STARTING:
            return True
    return False


def _home(value: object) -> str:
    return str(getattr(value, "__module__", ""))
