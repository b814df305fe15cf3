"""Starts child processes, waits until they are ready, restarts them and leaves no orphans.

Every child leads its own session, so Ctrl-C reaches only the launcher, which then stops the
children in order. If the launcher is killed, `guard.py` stops them. There are no threads: the
owner of a `Supervisor` calls `check` regularly.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Self

from config.processes import guard
from config.processes.child import Child, Process

logger = logging.getLogger(__name__)

MAX_RESTART_DELAY_SECONDS = 10.0
STABLE_AFTER_SECONDS = 60.0  # a child that ran this long is healthy: its next restart waits 1 s
LOG_LIMIT_BYTES = 50 * 1024 * 1024


def restart_delay(consecutive_exits: int) -> float:
    """Seconds to wait before the next restart: 1, 2, 4, 8, then 10."""
    return min(2.0 ** (max(consecutive_exits, 1) - 1), MAX_RESTART_DELAY_SECONDS)


class Supervisor:
    """The children of one launcher. Leaving the `with` block stops them all.

    The guard keeps the descriptors in `held` open until the last child has ended: a file lock
    among them stays locked even after the launcher was killed.
    """

    def __init__(self, logs: Path, *, show: bool = False) -> None:
        self.logs = logs
        self.processes: dict[str, Process] = {}
        self._show = show
        self._shown: dict[Path, int] = {}
        self.held: list[int] = []
        self._guard: subprocess.Popen[bytes] | None = None
        self._pipe = -1

    def open(self) -> None:
        """Starts the guard; required before the first child, and again after `stop`."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self._start_guard()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- starting ---------------------------------------------------------------------------

    def start(self, child: Child) -> Process:
        """Starts the child without waiting until it is ready (`wait_ready`)."""
        log = Path(os.devnull) if child.terminal else self.logs / f"{child.name}.log"
        with log.open("ab") as file:
            log_start = file.tell()
            popen = self._popen(child, None if child.terminal else file)
        process = Process(child=child, log=log, popen=popen, log_start=log_start)
        self.processes[child.name] = process
        self._shown.setdefault(log, log_start)
        return process

    def wait_ready(self, *processes: Process) -> None:
        """Waits until all are ready. LaunchError, with the last lines of its log, if one ended or
        took too long."""
        for process in processes:
            while not self._is_ready(process):
                time.sleep(0.02)
                self._print_new_lines()

    def _is_ready(self, process: Process) -> bool:
        child = process.child
        if process.ended():
            self._reap(process)
            raise process.error(f"ended before it was ready: {process.exit_description()}")
        if time.monotonic() - process.started > child.ready_seconds:
            raise process.error(f"was not ready after {child.ready_seconds:g} s")
        return child.ready is None or child.ready(process)

    def run(self, child: Child) -> str:
        """Runs the child to its end and returns its output; LaunchError if it fails."""
        process = self.run_until_exit(child)
        if process.popen.returncode:
            raise process.error(f"failed: {process.exit_description()}")
        return process.output()

    def run_until_exit(self, child: Child) -> Process:
        """Runs the child to its end and checks the others meanwhile."""
        process = self.start(child)
        while not process.ended():
            self.check()
            time.sleep(0.05)
        self._reap(process)
        del self.processes[child.name]
        self._print_new_lines()
        return process

    def _popen(self, child: Child, log: BinaryIO | None) -> subprocess.Popen[bytes]:
        guarded = [str(self._pipe), str(child.stage), str(int(child.stop_signal)), child.account]
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", guard.__file__, "run", *guarded, *child.argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT if log else None,
            env=dict(child.env),
            cwd=child.cwd,
            start_new_session=True,
            pass_fds=[self._pipe],
        )

    # --- watching ---------------------------------------------------------------------------

    def check(self) -> None:
        """Reaps and logs children that ended, and restarts those whose delay is over."""
        now = time.monotonic()
        for process in list(self.processes.values()):
            if process.restart_at is not None:
                if now >= process.restart_at:
                    self._restart(process)
            elif process.ended():
                if process.child.restarts:
                    self._schedule_restart(process, now)
            else:
                _rotate(process.log)
        if self._guard is not None and self._guard.poll() is not None:
            self._start_guard()
            logger.warning("The guard of the child processes ended; another one took over.")
        self._print_new_lines()

    def _schedule_restart(self, process: Process, now: float) -> None:
        self._reap(process)
        if now - process.started > STABLE_AFTER_SECONDS:
            process.consecutive_exits = 0
        process.consecutive_exits += 1
        delay = restart_delay(process.consecutive_exits)
        process.restart_at = now + delay
        name, ending = process.child.name, process.exit_description()
        logger.warning("%s: %s. Starting again in %g s; see %s.", name, ending, delay, process.log)

    def _restart(self, process: Process) -> None:
        self.start(process.child).consecutive_exits = process.consecutive_exits

    def _reap(self, process: Process) -> None:
        process.reap()
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, guard.removal(process.pid))

    def _start_guard(self) -> None:
        """Starts the guard and registers running children; each child's exec closes the pipe."""
        if self._pipe >= 0:
            os.close(self._pipe)
        reader, self._pipe = os.pipe()
        self._guard = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", guard.__file__, "watch"],
            stdin=reader,
            stdout=subprocess.DEVNULL,  # it may outlive us and must not keep our stdout open
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=self.held,
        )
        os.close(reader)
        for process in self.processes.values():
            if process.restart_at is None:
                os.write(self._pipe, guard.registration(self._group(process)))

    # --- stopping ---------------------------------------------------------------------------

    def stop(self) -> None:
        """Stops every child, killing it after 10 s; applications before the infrastructure."""
        running = [p for p in self.processes.values() if p.popen.returncode is None]

        def reap_ended() -> None:
            for process in [p for p in running if p.ended()]:
                self._reap(process)
                running.remove(process)

        guard.stop_groups([self._group(process) for process in running], reap=reap_ended)
        for process in running:
            self._reap(process)
        self.processes.clear()
        self._print_new_lines()
        if self._guard is not None:
            os.close(self._pipe)
            self._guard.wait()  # the guard stops a child that was just being started
            self._guard, self._pipe = None, -1

    @staticmethod
    def _group(process: Process) -> guard.Group:
        return guard.Group(process.pid, process.child.stage, int(process.child.stop_signal))

    # --- showing ----------------------------------------------------------------------------

    def _print_new_lines(self) -> None:
        if self._show:
            for log in self._shown:
                for line in self._new_lines(log):
                    sys.stderr.write(f"{log.stem:>24} | {line}\n")

    def _new_lines(self, log: Path) -> list[str]:
        """The complete lines written since the last call."""
        seen, size = self._shown[log], log.stat().st_size
        with log.open("rb") as file:
            file.seek(seen if seen <= size else 0)  # shorter than before: it was rotated
            start = file.tell()
            text = file.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._shown[log] = start + len(complete)
        return complete.decode(errors="replace").splitlines()


def _rotate(log: Path) -> None:
    """Moves a large log's text to NAME.log.1; the child appends, so it continues at the start."""
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)


class Interrupted(BaseException):
    """The launcher was asked to stop (Ctrl-C, SIGTERM, or its terminal closed)."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raises Interrupted on the first SIGINT, SIGTERM or SIGHUP and ignores later ones.

    For the main thread of a launcher. A SIGHUP that was ignored (nohup) stays ignored.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)

    def interrupt(number: int, _: FrameType | None) -> None:
        for later in numbers:
            # Not SIG_IGN: Python complains about a signal that is already pending.
            signal.signal(later, lambda *_: None)
        raise Interrupted(signal.Signals(number).name)

    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
