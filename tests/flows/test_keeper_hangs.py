"""A frozen database ignores every timeout; the keeper's watchdog does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from distribution.runtime.watchdog import EXIT_CODE

pytestmark = pytest.mark.any_database  # always PostgreSQL

ROOT = Path(__file__).resolve().parents[2]


def backend_of(url: str, name: str) -> int:
    """The process number of the database's own process for that client, once it is there."""
    ask = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
    deadline = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as session:
        while (row := session.execute(ask, [name]).fetchone()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    return int(row[0])


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.services
def test_a_keeper_whose_database_call_hangs_ends_to_be_started_again(
    tmp_path: Path, postgres_url: str
) -> None:
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": postgres_url,
        "SECRET_KEY": "only for this test, but as long as any other that is taken",
        "DAYBREAK_VAR": str(tmp_path),
        "PGAPPNAME": "keeper under test",
        "KEEPER_INTERVAL": "0.2",
        "WATCHDOG_SECONDS": "2",
    }
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "--no-input"], cwd=ROOT, env=env, check=True)
    with subprocess.Popen([*manage, "keeper"], cwd=ROOT, env=env) as keeper:
        backend = backend_of(postgres_url, env["PGAPPNAME"])
        os.kill(backend, signal.SIGSTOP)
        try:
            assert keeper.wait(timeout=60) == EXIT_CODE
        finally:
            os.kill(backend, signal.SIGCONT)
            keeper.kill()
