"""A throwaway PostgreSQL and a throwaway broker for tests, benchmarks and CI."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from config.processes.child import Process
from config.processes.private_broker import find_broker
from config.processes.private_postgres import Postgres, prepare
from config.processes.supervisor import Supervisor


@contextlib.contextmanager
def running_broker(directory: Path) -> Iterator[str]:
    """The URL of a private broker that runs during the `with` block; its data is not kept."""
    broker = find_broker({**os.environ, "REDIS_URL": ""}, directory, durable=False)
    with Supervisor(directory / "logs") as supervisor:
        if broker.child is not None:
            supervisor.wait_ready(supervisor.start(broker.child))
        yield broker.url


class RunningPostgres:
    """A server with its own supervisor. Can be started again after `stop` or `crash`."""

    def __init__(self, postgres: Postgres, supervisor: Supervisor) -> None:
        self.url = postgres.url
        self._postgres = postgres
        self._supervisor = supervisor
        self.process = self.start()

    def start(self) -> Process:
        """Starts the server at the same URL and waits until it answers."""
        self._supervisor.open()
        try:
            self.process = self._postgres.start_in(self._supervisor)
        except BaseException:
            self._supervisor.stop()
            raise
        return self.process

    def stop(self) -> None:
        """Shuts the server down in order, even while clients use it."""
        self._supervisor.stop()

    def crash(self) -> None:
        """Kills all processes of the server at once."""
        _kill_tree(self.process.pid)
        self._supervisor.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_postgres(home: Path, *, durable: bool) -> RunningPostgres:
    """Starts a server whose data, password and log are under `home`."""
    postgres = prepare(home, os.environ, durable=durable)
    return RunningPostgres(postgres, Supervisor(home / "logs"))


def _kill_tree(pid: int) -> None:
    """Kills a server and its helper processes, each of which leads a process group."""
    os.kill(pid, signal.SIGSTOP)  # so that it cannot fork another helper meanwhile
    children = Path(f"/proc/{pid}/task/{pid}/children")
    helpers = children.read_text().split() if children.exists() else []
    for number in [pid, *map(int, helpers)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
