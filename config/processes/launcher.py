"""All services as children of one process: broker, database, web, workers, beat, keeper.

Nothing is mocked. Only the URLs in the children's environment differ from a deployment on several
machines. One folder holds all state, and no child outlives the launcher.
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
from config.processes.child import LaunchError, free_port, held_port, port_error
from config.processes.private_broker import find_broker
from config.processes.programs import SandboxOptions
from config.processes.supervisor import Supervisor

LOCK_FILE = "launcher.pid"
LOCK_TIMEOUT_SECONDS = 25.0  # a killed launcher's guard stops two stages, 10 s each
CHECK_INTERVAL_SECONDS = 0.2


class Launcher:
    """Runs all services on the state in `var_dir` for the duration of a `with` block.

    `env` overrides this process's environment for the children; an empty value counts as not
    set. Without DATABASE_URL the database is SQLite, or with `services` a private PostgreSQL.
    `port` 0 finds a free one. `keep_queues` keeps the private broker's messages for the next
    start. `fresh` empties the folder first. `show` copies the children's logs to stderr. `senders`
    is the number of workers that send batches. Call
    `check`, `watch` or `run_module` inside the block: they restart children that ended. Raises
    LaunchError, whose text is for the user.
    """

    def __init__(
        self,
        var_dir: Path,
        env: Mapping[str, str] | None = None,
        *,
        services: bool = False,
        port: int = 0,
        sandbox: SandboxOptions | None = None,
        keep_queues: bool = False,
        fresh: bool = False,
        show: bool = False,
        senders: int = 1,
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
        self._senders = senders
        self._temporary: Path | None = None
        self._exits = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as exits:
            self.var_dir.mkdir(parents=True, exist_ok=True)
            self.supervisor.held = [exits.enter_context(_folder_lock(self.var_dir))]
            _require_free(self.port)  # after the lock: its last owner may still use the port
            exits.enter_context(held_port(self.port))
            if self._fresh:
                _remove_contents(self.var_dir)
            exits.callback(self._remove_temporary)
            exits.enter_context(self.supervisor)
            self._start()
            self._exits = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    @property
    def pids(self) -> dict[str, int]:
        """Pids by name: broker, postgres, sandbox, web, worker-QUEUE, beat, keeper."""
        return {name: process.pid for name, process in self.supervisor.processes.items()}

    @property
    def logs(self) -> Path:
        """The folder with a NAME.log for each child."""
        return self.supervisor.logs

    def check(self) -> None:
        """Logs children that ended and restarts them after 1 s … 10 s."""
        self.supervisor.check()

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Restarts children until `until` returns true; by default for ever."""
        while not until():
            self.check()
            time.sleep(CHECK_INTERVAL_SECONDS)

    def manage(self, *arguments: str) -> str:
        """Runs `manage.py ARGUMENTS` in the services' environment; returns its output."""
        return self.supervisor.run(programs.manage(self.env, *arguments))

    def run_module(self, module: str, *arguments: str) -> int:
        """Runs `python -m MODULE ARGUMENTS` on our terminal, in the services' environment, and
        restarts children meanwhile; returns its exit code. It ends with the launcher, too."""
        process = self.supervisor.run_until_exit(programs.foreground(self.env, module, *arguments))
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
        children = [
            programs.web(self.env, self.port),
            programs.beat(self.env, ready_folder),
            programs.keeper(self.env, ready_folder),
            *programs.workers(self.env, ready_folder, senders=self._senders),
        ]
        self.supervisor.wait_ready(*[self.supervisor.start(child) for child in children])

    def _start_services(self) -> None:
        # The settings require both for any database but SQLite; there is no HTTPS proxy here.
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
        self.env |= {"DATABASE_URL": server.url, "DATABASE_POOLED": "false"}

    def _remove_temporary(self) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _start_broker(self) -> None:
        broker = find_broker(self.env, self.var_dir / "broker", durable=self._keep_queues)
        if broker.child is not None:
            self.supervisor.wait_ready(self.supervisor.start(broker.child))
        self.env["REDIS_URL"] = broker.url

    def _start_sandbox(self, sandbox_options: SandboxOptions) -> None:
        self.env.update(sandbox_options.environment(self.sandbox_url))
        child = programs.sandbox(self.env, sandbox_options, self.sandbox_port, self.web_url)
        self.supervisor.wait_ready(self.supervisor.start(child))


def _environment(var_dir: Path, given: Mapping[str, str]) -> dict[str, str]:
    defaults = {
        "DAYBREAK_VAR": str(var_dir),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONUNBUFFERED": "1",
    }
    return {**os.environ, **defaults, **given}


def _require_free(port: int) -> None:
    error = port_error(port)
    if error:
        raise LaunchError(f"Port {port} cannot be had: {error}. Give another with --port.")


def _remove_contents(var_dir: Path) -> None:
    """Removes everything but the lock file, which an earlier launcher's children may still hold."""
    for place in var_dir.iterdir():
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        elif place.name != LOCK_FILE:
            place.unlink()


@contextlib.contextmanager
def _folder_lock(var_dir: Path) -> Iterator[int]:
    """Holds the folder's lock, which the guard shares until the last child has ended.

    Raises LaunchError at once if a running launcher holds it; waits for the children of one that
    was killed.
    """
    descriptor = os.open(var_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, var_dir)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, var_dir: Path) -> None:
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            owner = int(os.pread(descriptor, 20, 0) or b"0")
            if (owner and guard.is_alive(owner)) or time.monotonic() > deadline:
                raise LaunchError(
                    f"Process {owner} runs Daybreak from {var_dir} already."
                ) from None
            time.sleep(0.1)
