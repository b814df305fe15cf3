from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import OperationalError, connection

from webhooks.models import WebhookEvent
from webhooks.receiving import deadline, store

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
LIMIT = 0.4


@pytest.fixture(autouse=True)
def _short_limit(monkeypatch):
    monkeypatch.setattr(store, "STORE_SECONDS", LIMIT)


@contextmanager
def locked_inbox() -> Iterator[None]:
    """Another connection holds what an insert needs."""
    other = connection.copy()
    with other.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("BEGIN")
            cursor.execute(f"LOCK TABLE {WebhookEvent._meta.db_table}")
        else:
            cursor.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")
    other.close()


def test_a_lock_is_waited_for_no_longer_than_the_limit():
    with locked_inbox():
        started = time.monotonic()
        with pytest.raises(store.NotStored):
            store.store(b"{}", 0, now=NOW)
        waited = time.monotonic() - started

    assert LIMIT <= waited < LIMIT + 1.5
    store.store(b"{}", 0, now=NOW)  # PostgreSQL may have stored the first one after all
    assert WebhookEvent.objects.count() == 1


def test_a_frozen_server_is_waited_for_no_longer_than_the_limit(on_postgres):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    if not _is_a_backend_we_may_stop(pid):
        pytest.skip("only where the server runs on this machine and may be stopped")
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(store.NotStored):
            store.store(b"{}", 0, now=NOW)
        waited = time.monotonic() - started
    finally:
        os.kill(pid, signal.SIGCONT)

    assert LIMIT <= waited < LIMIT + 1.5
    assert store.store(b'{"a":1}', 0, now=NOW)  # on a new connection


def _is_a_backend_we_may_stop(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_call_in_time_is_left_alone():
    with deadline.time_limit(connection, 5), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)

    assert connection.is_usable()


def test_sqlite_gets_its_own_patience_back(on_sqlite):
    def patience() -> int:
        with connection.cursor() as cursor:
            return cursor.execute("PRAGMA busy_timeout").fetchone()[0]

    before = patience()
    with deadline.time_limit(connection, 0.1):
        assert patience() == 100
    with pytest.raises(OperationalError), deadline.time_limit(connection, 0.1):
        raise OperationalError

    assert patience() == before > 1000


def test_a_forked_process_watches_for_itself(on_postgres):
    parents = deadline._watch.get()
    child = os.fork()
    if child == 0:
        os._exit(0 if deadline._watch.get() is not parents else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
