"""Outlives the launcher by seconds: ends its children when it is gone, however it went.

Run as a script on the bare interpreter, without Django or site-packages, so that it starts in
milliseconds and has little that can fail. A killed launcher runs no handler, but the kernel
closes its end of the pipe: that is the signal `watch` waits for. It needs no thread, no
polling and, unlike Linux's parent-death signal, survives an exec as another account, does not
hang on the life of one thread, and can kill what does not obey.

    guard.py watch                                  a launcher's pipe on stdin
    guard.py run PIPE STAGE SIGNAL ACCOUNT ARGV…    tell the guard, then become ARGV
"""

from __future__ import annotations

import os
import pwd
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

PATIENCE_SECONDS = 10.0  # Celery finishes the tasks it runs; leases cover those it cannot


class Group(NamedTuple):
    """A child and its descendants: `pid` leads a process group of its own."""

    pid: int
    stage: int  # higher stages end first: those who work before what they lean on
    signal: int  # what asks this child to end


def end(
    groups: Iterable[Group],
    *,
    patience: float = PATIENCE_SECONDS,
    reap: Callable[[], object] = lambda: None,
) -> None:
    """Ends the groups stage by stage, each in reverse order of start, and returns when it has.

    The leader alone is asked: Celery and granian stop their own children in good order, which
    a signal to the whole group would spoil. Whoever is left is killed, at the latest after
    `patience` seconds per stage. `reap` is called while waiting (a parent collects its dead).
    """
    known = list(groups)
    for stage in sorted({group.stage for group in known}, reverse=True):
        wave = [group for group in reversed(known) if group.stage == stage]
        for group in wave:
            _send(os.kill, group.pid, group.signal)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and any(exists(group.pid) for group in wave):
            reap()
            time.sleep(0.02)
        for group in wave:
            _send(os.killpg, group.pid, signal.SIGKILL)


def exists(pid: int) -> bool:
    """Whether such a process lives. A dead one that nobody collected, as happens in
    containers without an init, does not."""
    if not _send(os.kill, pid, 0):
        return False
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # not Linux, or gone this instant
        return _send(os.kill, pid, 0)
    return status.rpartition(")")[2].split()[0] != "Z"


def _send(how: Callable[[int, int], None], pid: int, number: int) -> bool:
    try:
        how(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # the number is somebody else's by now
        return False
    return True


def watch(lines: Iterable[str]) -> None:
    """Keeps the list of living groups until the pipe closes, then ends them."""
    groups: dict[int, Group] = {}
    for line in lines:
        sign, *numbers = line.split()
        if sign == "+":
            pid, stage, number = map(int, numbers)
            groups[pid] = Group(pid, stage, number)
        else:
            groups.pop(int(numbers[0]), None)
    end(groups.values())


def registration(group: Group) -> bytes:
    """The line that puts a group on the guard's list."""
    return f"+ {group.pid} {group.stage} {group.signal}\n".encode()


def removal(pid: int) -> bytes:
    """The line that takes a group off the guard's list."""
    return f"- {pid}\n".encode()


def become(pipe: int, stage: int, number: int, account: str, argv: list[str]) -> None:
    """Registers this process with the guard and turns into `argv`, as `account` if given.

    Registering comes first and in the child, so that no instant exists in which a killed
    launcher leaves a child that nobody knows.
    """
    os.write(pipe, registration(Group(os.getpid(), stage, number)))
    os.close(pipe)
    for ignored in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)  # Python and `&` ignore some: exec would inherit it
    if account:
        entry = pwd.getpwnam(account)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    os.execvp(argv[0], argv)  # noqa: S606


def main(arguments: Sequence[str]) -> None:
    if arguments[0] == "watch":
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)  # it ends with its launcher, not before
        watch(sys.stdin)
        return
    pipe, stage, number, account, *argv = arguments[1:]
    try:
        become(int(pipe), int(stage), int(number), account, argv)
    except OSError as error:
        sys.exit(f"{argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
