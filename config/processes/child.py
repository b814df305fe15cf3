"""What is to run and what became of it: one child process and its log. Free ports, too."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FOUNDATION = 0  # what others lean on (broker, database, sandbox): ends last
WORK = 1
TAIL_LINES = 15
PORTS = range(20000, 32768)  # below those that the kernel gives to outgoing connections
READY_FILE = "DAYBREAK_READY_FILE"
_handed_out: set[int] = set()  # free still, but promised to a child that has yet to listen


class LaunchError(Exception):
    """Something could not be started; the text is a sentence for the person who asked."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """What is to run. `env` is the whole environment; `ready` is asked until it says yes.

    `lasting` ones start again when they end. Those on the `terminal` write to the launcher's
    own stdout and stderr instead of a log.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    stage: int = WORK
    stop_signal: signal.Signals = signal.SIGTERM
    account: str = ""  # run as this account; only root can give one
    ready: Callable[[Process], bool] | None = None
    ready_seconds: float = 90.0
    lasting: bool = True
    terminal: bool = False


@dataclass(kw_only=True)
class Process:
    """A child that was started, and what became of it."""

    child: Child
    log: Path
    popen: subprocess.Popen[bytes]
    log_start: int  # where in the log this start begins
    started: float = field(default_factory=time.monotonic)
    deaths: int = 0
    restart_at: float | None = None
    buried: bool = False

    @property
    def pid(self) -> int:
        return self.popen.pid

    def ended(self) -> bool:
        """Whether the leader ended; then `bury` it at once."""
        return self.popen.poll() is not None

    def bury(self) -> None:
        """Waits for the leader's end and kills what it left behind in its group."""
        self.popen.wait()
        if not self.buried:
            self.buried = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def fate(self) -> str:
        """How it ended, in words."""
        code = self.popen.returncode
        if code is None:
            return "still runs"
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def output(self) -> str:
        """What it wrote since this start."""
        with self.log.open("rb") as file:
            file.seek(min(self.log_start, self.log.stat().st_size))
            return file.read().decode(errors="replace")

    def complaint(self, what: str) -> str:
        """A sentence about it with the last lines it wrote."""
        lines = [f"  {line}" for line in self.output().splitlines()[-TAIL_LINES:]]
        return "\n".join([f"{self.child.name} {what}. The last lines of {self.log}:", *lines])


def report_ready() -> None:
    """For a child: tells its launcher that it is ready, by its number in the file it was given."""
    file = os.environ.get(READY_FILE)
    if file:
        Path(file).write_text(str(os.getpid()))


def is_reported_ready(file: Path, process: Process) -> bool:
    """For the launcher: whether this very process, not one before it, wrote `file`."""
    return file.exists() and file.read_text() == str(process.pid)


def free_port() -> int:
    """A free TCP port on 127.0.0.1, one of PORTS."""
    for port in random.sample(PORTS, 200):
        if port not in _handed_out and not port_trouble(port):
            _handed_out.add(port)
            return port
    raise LaunchError(f"No free port between {PORTS.start} and {PORTS.stop - 1}.")


def port_trouble(port: int) -> str:
    """Why nobody can listen on 127.0.0.1:`port`, or nothing if one can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            return getattr(error, "strerror", None) or str(error)
    return ""
