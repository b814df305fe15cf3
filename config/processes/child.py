"""A child process: its definition, its running process with the log, and free ports."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Stop stages: higher ones are stopped first.
INFRASTRUCTURE = 0  # broker, database, sandbox: the others need them
APPLICATION = 1
TAIL_LINES = 15
PROJECT_FOLDER = Path(__file__).resolve().parents[2]
PORTS = range(20000, 32768)  # below the kernel's range for outgoing connections
WEB_PORTS = range(8000, 8100)
READY_FILE = "DAYBREAK_READY_FILE"
_reserved_ports: set[int] = set()  # given to a child that does not listen yet


class LaunchError(Exception):
    """A process could not be started; the text is a sentence for the user."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """Definition of a child process. `env` is its whole environment; `ready` is polled until true.

    A child with `restarts` is started again whenever it ends. One with `terminal` writes to the
    launcher's stdout and stderr instead of a log.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path = PROJECT_FOLDER
    stage: int = APPLICATION
    stop_signal: signal.Signals = signal.SIGTERM
    account: str = ""  # run as this account; only root can give one
    ready: Callable[[Process], bool] | None = None
    ready_seconds: float = 90.0
    restarts: bool = True
    terminal: bool = False


@dataclass(kw_only=True)
class Process:
    """A started child."""

    child: Child
    log: Path
    popen: subprocess.Popen[bytes]
    log_start: int  # offset in the log, bytes, at which this start begins
    started: float = field(default_factory=time.monotonic)
    consecutive_exits: int = 0
    restart_at: float | None = None
    reaped: bool = False

    @property
    def pid(self) -> int:
        return self.popen.pid

    def ended(self) -> bool:
        """Whether the group's leader ended; then call `reap` at once."""
        return self.popen.poll() is not None

    def reap(self) -> None:
        """Waits for the leader's end and kills the rest of its process group."""
        self.popen.wait()
        if not self.reaped:
            self.reaped = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def exit_description(self) -> str:
        """How the process ended, as text."""
        code = self.popen.returncode
        if code is None:
            return "still runs"
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def output(self) -> str:
        """Its output since this start."""
        with self.log.open("rb") as file:
            file.seek(min(self.log_start, self.log.stat().st_size))
            return file.read().decode(errors="replace")

    def error(self, what: str) -> LaunchError:
        """The child's name and `what`, followed by the last lines of its output."""
        lines = [f"  {line}" for line in self.output().splitlines()[-TAIL_LINES:]]
        text = f"{self.child.name} {what}. The last lines of {self.log}:"
        return LaunchError("\n".join([text, *lines]))


def report_ready() -> None:
    """For a child: reports that it is ready by writing its pid to the file in READY_FILE."""
    file = os.environ.get(READY_FILE)
    if file:
        Path(file).write_text(str(os.getpid()))


def is_reported_ready(file: Path, process: Process) -> bool:
    """For the launcher: whether this process, not an earlier one, wrote `file`."""
    return file.exists() and file.read_text() == str(process.pid)


def free_port() -> int:
    """A free TCP port on 127.0.0.1, one of PORTS."""
    for port in random.sample(PORTS, 200):
        if port not in _reserved_ports and not port_error(port):
            _reserved_ports.add(port)
            return port
    raise LaunchError(f"No free port between {PORTS.start} and {PORTS.stop - 1}.")


def web_port() -> int:
    """The first free port from 8000 on, so that the address is the same each time if it can be."""
    for port in WEB_PORTS:
        if not port_error(port):
            return port
    raise LaunchError(f"No free port between {WEB_PORTS.start} and {WEB_PORTS.stop - 1}.")


@contextlib.contextmanager
def held_port(port: int) -> Iterator[None]:
    """Keeps other launchers off a port that a child is going to listen on.

    The web server shares its port with whoever else allows it (SO_REUSEPORT). Without this, two
    launchers that start at the same time would both take 8000 and get each other's requests.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", port))  # never listens, so it gets no connection
        yield


def port_error(port: int) -> str:
    """Why 127.0.0.1:`port` cannot be listened on; empty if it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            return getattr(error, "strerror", None) or str(error)
    return ""
