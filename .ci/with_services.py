"""Runs a command beside a real PostgreSQL and a real Redis: `with_services.py COMMAND…`.

Both are started from the installed binaries, on free ports of 127.0.0.1, in a temporary folder,
and are gone with the command. `with_services.py --pgbouncer COMMAND…` puts PgBouncer in front of
PostgreSQL, with the settings of `deploy/pgbouncer`: TEST_DATABASE_URL leads through it,
TEST_DATABASE_DIRECT_URL past it, where the suite creates and drops its databases.
`with_services.py --partitioned COMMAND…` has the suite keep deliveries in partitions.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from config.processes import private_broker
from config.processes.child import LaunchError
from config.processes.supervisor import interruptible
from tests.throwaway_pooler import running_pooler
from tests.throwaway_services import running_broker, start_postgres

POOLED = "--pgbouncer"
PARTITIONED = "--partitioned"


def main(command: Sequence[str]) -> int:
    """The command's exit code."""
    kind = command[0] if command[:1] in ([POOLED], [PARTITIONED]) else ""
    server = Path(private_broker.find_binary(os.environ["PATH"]))
    if server.name not in private_broker.SERVER_NAMES or "site-packages" in server.parts:
        sys.exit("Redis is not installed: apt-get install redis-server.")
    with contextlib.ExitStack() as ends:
        ends.enter_context(interruptible())
        name = ends.enter_context(tempfile.TemporaryDirectory(prefix="daybreak-ci-"))
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL runs as another account
        addresses = {"TEST_REDIS_URL": ends.enter_context(running_broker(folder / "broker"))}
        url = ends.enter_context(start_postgres(folder / "postgres", durable=False)).url
        if kind == PARTITIONED:
            addresses["TEST_DATABASE_PARTITIONED"] = "1"
        if kind == POOLED:
            addresses["TEST_DATABASE_DIRECT_URL"] = url
            url = ends.enter_context(running_pooler(folder / "pgbouncer", url))
        return run(command[bool(kind) :], TEST_DATABASE_URL=url, **addresses)


def run(command: Sequence[str], **environment: str) -> int:
    """Waits for the command, and ends it if we are asked to end first."""
    process = subprocess.Popen(command, env={**os.environ, **environment})  # noqa: S603
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LaunchError as error:
        sys.exit(str(error))
