"""The whole house as children of one launcher: broker, database, web, workers, beat, keeper.

Nothing is mocked. The URLs in the children's environment are all that tells this box from a
row of machines; one folder holds its state and nothing outlives the launcher.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Self

from config.processes import guard, private_postgres, programs
from config.processes.child import LaunchError, free_port, port_trouble
from config.processes.private_broker import find_broker
from config.processes.programs import Sandbox
from config.processes.supervisor import Supervisor

LOCK = "launcher.pid"
LOCK_SECONDS = 25.0  # a killed launcher's guard gives its children 10 s, and 10 s their broker
LOOK_SECONDS = 0.2


class House:
    """Everything that works on `var_dir`, up from the `with` line to the block's end.

    `env` overrides this process's environment for the children; an empty value counts as not
    set. Without DATABASE_URL the database is SQLite, or with `services` a PostgreSQL of the
    house's own. `port` 0 finds a free one. `keep_queues` lets the private broker's messages
    survive the house. `fresh` empties the folder first. `show` copies the children's logs to
    stderr. Call `check`, `watch` or `attend` while it is up: they start again what died. Raises
    LaunchError, a sentence for people.
    """

    def __init__(
        self,
        var_dir: Path,
        env: Mapping[str, str] | None = None,
        *,
        services: bool = False,
        port: int = 0,
        sandbox: Sandbox | None = None,
        keep_queues: bool = False,
        fresh: bool = False,
        show: bool = False,
    ) -> None:
        self.var_dir = var_dir.resolve()
        self.env = _environment(self.var_dir, env or {})
        self.port = port or free_port()
        self.web_url = f"http://127.0.0.1:{self.port}"
        self.sandbox_port = free_port() if sandbox else 0
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}" if sandbox else ""
        self.supervisor = Supervisor(self.var_dir / "logs", show=show)
        self._services = services
        self._sandbox = sandbox
        self._keep_queues = keep_queues
        self._fresh = fresh
        self._temporary: Path | None = None
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ends:
            self.var_dir.mkdir(parents=True, exist_ok=True)
            self.supervisor.held = [ends.enter_context(_alone(self.var_dir))]
            _insist_on(self.port)  # not sooner: the lock's last owner may still listen there
            if self._fresh:
                _empty(self.var_dir)
            ends.callback(self._remove_temporary)
            ends.enter_context(self.supervisor)
            self._start()
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    @property
    def pids(self) -> dict[str, int]:
        """Process numbers by name: broker, postgres, sandbox, web, worker-QUEUE, beat, keeper."""
        return {name: process.pid for name, process in self.supervisor.processes.items()}

    @property
    def logs(self) -> Path:
        """The folder with one NAME.log for each child."""
        return self.supervisor.logs

    def check(self) -> None:
        """One look at the children: who died is logged and, after 1 s … 10 s, started again."""
        self.supervisor.check()

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Looks after the children until `until` says yes; by default for ever."""
        while not until():
            self.check()
            time.sleep(LOOK_SECONDS)

    def manage(self, *arguments: str) -> str:
        """Runs `manage.py ARGUMENTS` in the house's environment; returns what it printed."""
        return self.supervisor.run(programs.manage(self.env, *arguments))

    def attend(self, module: str, *arguments: str) -> int:
        """Runs `python -m MODULE ARGUMENTS` on our terminal, in the house's environment, looking
        after the children meanwhile; returns its exit code. It ends with the launcher, too."""
        process = self.supervisor.attend(programs.foreground(self.env, module, *arguments))
        return int(process.popen.returncode)

    def _start(self) -> None:
        if self._services:
            self._start_services()
        self._start_broker()
        self.manage("migrate", "--no-input")
        if self._sandbox is not None:
            self._start_sandbox(self._sandbox)
        ready_folder = self.var_dir / "ready"
        ready_folder.mkdir(exist_ok=True)
        children = [programs.web(self.env, self.port), programs.beat(self.env, ready_folder)]
        children += [programs.keeper(self.env, ready_folder)]
        children += [
            programs.worker(self.env, group, ready_folder) for group in programs.WORKER_GROUPS
        ]
        self.supervisor.wait_ready(*[self.supervisor.start(child) for child in children])

    def _start_services(self) -> None:
        # The settings insist on both for any database but the embedded one; here is no proxy.
        self.env["SECRET_KEY"] = self.env.get("SECRET_KEY") or secrets.token_urlsafe(64)
        self.env["HTTPS"] = self.env.get("HTTPS") or "false"
        if not self.env.get("DATABASE_URL"):
            self._start_postgres()

    def _start_postgres(self) -> None:
        home = private_postgres.home_in(self.var_dir)
        if self.var_dir not in home.parents:
            self._temporary = home.parent
        server = private_postgres.prepare(home, self.env, durable=True)
        server.start_in(self.supervisor)
        self.env["DATABASE_URL"] = server.url

    def _remove_temporary(self) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _start_broker(self) -> None:
        broker = find_broker(self.env, self.var_dir / "broker", durable=self._keep_queues)
        if broker.child is not None:
            self.supervisor.wait_ready(self.supervisor.start(broker.child))
        self.env["REDIS_URL"] = broker.url

    def _start_sandbox(self, stand_in: Sandbox) -> None:
        self.env.update(stand_in.environment(self.sandbox_url))
        webhook_url = self.web_url + stand_in.webhook_path
        child = programs.sandbox(self.env, stand_in, self.sandbox_port, webhook_url)
        self.supervisor.wait_ready(self.supervisor.start(child))


def _environment(var_dir: Path, given: Mapping[str, str]) -> dict[str, str]:
    ours = {
        "DAYBREAK_VAR": str(var_dir),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONUNBUFFERED": "1",
    }
    return {**os.environ, **ours, **given}


def _insist_on(port: int) -> None:
    trouble = port_trouble(port)
    if trouble:
        raise LaunchError(f"Port {port} cannot be had: {trouble}. Give another with --port.")


def _empty(var_dir: Path) -> None:
    """Removes all but the lock: an earlier launcher's last children may have held it."""
    for place in var_dir.iterdir():
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        elif place.name != LOCK:
            place.unlink()


@contextlib.contextmanager
def _alone(var_dir: Path) -> Iterator[int]:
    """Holds the folder's lock, which the guard shares until the last child is gone.

    A living launcher refuses us at once; the end of a dead one's children is waited for.
    """
    descriptor = os.open(var_dir / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor, var_dir)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int, var_dir: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            owner = int(os.pread(descriptor, 20, 0) or b"0")
            if (owner and guard.exists(owner)) or time.monotonic() > deadline:
                raise LaunchError(
                    f"Process {owner} runs Daybreak from {var_dir} already."
                ) from None
            time.sleep(0.1)
