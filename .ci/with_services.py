"""Runs a command beside a real PostgreSQL and a real Redis: `with_services.py COMMAND…`.

Both are started from the installed binaries, on free ports of 127.0.0.1, in a temporary folder,
and are gone with the command.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from config.processes import private_broker
from config.processes.supervisor import interruptible
from tests.throwaway_services import running_broker, start_postgres


def main(command: Sequence[str]) -> int:
    """The command's exit code."""
    server = Path(private_broker.find_binary(os.environ["PATH"]))
    if server.name not in private_broker.SERVER_NAMES or "site-packages" in server.parts:
        sys.exit("Redis is not installed: apt-get install redis-server.")
    with interruptible(), tempfile.TemporaryDirectory(prefix="daybreak-ci-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL runs as another account
        with (
            running_broker(folder / "broker") as redis_url,
            start_postgres(folder / "postgres", durable=False) as database,
        ):
            return run(command, TEST_DATABASE_URL=database.url, TEST_REDIS_URL=redis_url)


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
    sys.exit(main(sys.argv[1:]))
