"""Starts child processes, waits until they are ready, restarts the dead and leaves no orphan.

Every child leads a session of its own, so Ctrl-C reaches the launcher alone, which then stops
the children in order. What the launcher cannot do because it was killed, `guard.py` does.
No threads: whoever holds a `Supervisor` calls `check` every now and then.
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
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import BinaryIO, Self

from config.processes import guard
from config.processes.child import Child, LaunchError, Process

logger = logging.getLogger(__name__)

SLOWEST_RESTART_SECONDS = 10.0
SETTLED_SECONDS = 60.0  # who lived this long is healthy: the next restart waits 1 s again
LOG_LIMIT_BYTES = 50 * 1024 * 1024


def restart_delay(deaths: int) -> float:
    """Seconds to wait after so many deaths in a row: 1, 2, 4, 8, then 10."""
    return min(2.0 ** (max(deaths, 1) - 1), SLOWEST_RESTART_SECONDS)


class Supervisor:
    """Holds the children of one launcher. A context manager: leaving it ends them all.

    `held` are descriptors the guard keeps open until the last child is gone: a file lock
    among them stays locked even after the launcher was killed.
    """

    def __init__(self, logs: Path, *, show: bool = False, held: Sequence[int] = ()) -> None:
        self.logs = logs
        self.processes: dict[str, Process] = {}
        self._show = show
        self._shown: dict[Path, int] = {}
        self.held = list(held)
        self._guard: subprocess.Popen[bytes] | None = None
        self._pipe = -1

    def open(self) -> None:
        """Starts the guard; needed once before the first child, and again after `stop`."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self._start_guard()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # --- starting ---------------------------------------------------------------------------

    def start(self, child: Child) -> Process:
        """Starts the child and returns at once; `wait_ready` waits for it."""
        log = Path(os.devnull) if child.terminal else self.logs / f"{child.name}.log"
        with log.open("ab") as file:
            log_start = file.tell()
            popen = self._popen(child, None if child.terminal else file)
        process = Process(child=child, log=log, popen=popen, log_start=log_start)
        self.processes[child.name] = process
        self._shown.setdefault(log, log_start)
        return process

    def wait_ready(self, *processes: Process) -> None:
        """Returns when all are ready; a dead or late one is a LaunchError with its last lines."""
        for process in processes:
            while not self._is_ready(process):
                time.sleep(0.02)
                self._show_news()

    def _is_ready(self, process: Process) -> bool:
        child = process.child
        if process.ended():
            self._collect(process)
            raise LaunchError(process.complaint(f"ended before it was ready: {process.fate()}"))
        if time.monotonic() - process.started > child.ready_seconds:
            raise LaunchError(process.complaint(f"was not ready after {child.ready_seconds:g} s"))
        return child.ready is None or child.ready(process)

    def run(self, child: Child) -> str:
        """Runs the child to its end and returns its output; failure is a LaunchError."""
        process = self.attend(child)
        if process.popen.returncode:
            raise LaunchError(process.complaint(f"failed: {process.fate()}"))
        return process.output()

    def attend(self, child: Child) -> Process:
        """Runs the child to its end, looking after the others meanwhile."""
        process = self.start(child)
        while not process.ended():
            self.check()
            time.sleep(0.05)
        self._collect(process)
        del self.processes[child.name]
        self._show_news()
        return process

    def _popen(self, child: Child, log: BinaryIO | None) -> subprocess.Popen[bytes]:
        how = [str(self._pipe), str(child.stage), str(int(child.stop_signal)), child.account]
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", guard.__file__, "run", *how, *child.argv],
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
        """One look: collects and logs the dead, starts again those whose time has come."""
        now = time.monotonic()
        for process in list(self.processes.values()):
            if process.restart_at is not None:
                if now >= process.restart_at:
                    self._restart(process)
            elif process.ended():
                if process.child.lasting:
                    self._note_death(process, now)
            else:
                _keep_small(process.log)
        if self._guard is not None and self._guard.poll() is not None:
            self._start_guard()
            logger.warning("The guard of the child processes ended; another one took over.")
        self._show_news()

    def _note_death(self, process: Process, now: float) -> None:
        self._collect(process)
        if now - process.started > SETTLED_SECONDS:
            process.deaths = 0
        process.deaths += 1
        delay = restart_delay(process.deaths)
        process.restart_at = now + delay
        name, fate = process.child.name, process.fate()
        logger.warning("%s: %s. Starting again in %g s; see %s.", name, fate, delay, process.log)

    def _restart(self, process: Process) -> None:
        self.start(process.child).deaths = process.deaths

    def _collect(self, process: Process) -> None:
        process.bury()
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, guard.removal(process.pid))

    def _start_guard(self) -> None:
        """Starts the guard and tells it who lives; the pipe closes in every child at its exec."""
        if self._pipe >= 0:
            os.close(self._pipe)
        reader, self._pipe = os.pipe()
        self._guard = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", guard.__file__, "watch"],
            stdin=reader,
            stdout=subprocess.DEVNULL,  # it may outlive us, and must not hold up our readers
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
        """Ends every child: asked first, killed after 10 s; work before what it leans on."""
        living = [p for p in self.processes.values() if p.popen.returncode is None]

        def collect_the_dead() -> None:
            for process in [p for p in living if p.ended()]:
                self._collect(process)
                living.remove(process)

        guard.end([self._group(process) for process in living], reap=collect_the_dead)
        for process in living:
            self._collect(process)
        self.processes.clear()
        self._show_news()
        if self._guard is not None:
            os.close(self._pipe)
            self._guard.wait()  # a child that was just being started is the guard's to end
            self._guard, self._pipe = None, -1

    @staticmethod
    def _group(process: Process) -> guard.Group:
        return guard.Group(process.pid, process.child.stage, int(process.child.stop_signal))

    # --- showing ----------------------------------------------------------------------------

    def _show_news(self) -> None:
        if self._show:
            for log in self._shown:
                for line in self._news(log):
                    sys.stderr.write(f"{log.stem:>24} | {line}\n")

    def _news(self, log: Path) -> list[str]:
        """The whole lines written since the last look."""
        seen, size = self._shown[log], log.stat().st_size
        with log.open("rb") as file:
            file.seek(seen if seen <= size else 0)  # shorter than before: it was begun anew
            start = file.tell()
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._shown[log] = start + len(whole)
        return whole.decode(errors="replace").splitlines()


def _keep_small(log: Path) -> None:
    """Moves a grown log's text to NAME.log.1; the child appends, so it goes on from the top."""
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)


class Interrupted(BaseException):
    """The launcher was asked to end (Ctrl-C, TERM, or its terminal closed)."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turns the first INT, TERM or HUP into Interrupted; later ones wait for the stop's end.

    For the main thread of a launcher. A HUP that was ignored (nohup) stays ignored.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)

    def once(number: int, _: FrameType | None) -> None:
        for later in numbers:
            signal.signal(later, lambda *_: None)  # SIG_IGN complains of one already under way
        raise Interrupted(signal.Signals(number).name)

    before = {number: signal.signal(number, once) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
