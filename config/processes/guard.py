"""Stops the launcher's children when the launcher ends, even if it was killed.

Run as a script on the bare interpreter, without Django or site-packages, so that it starts in
milliseconds and has little that can fail. A killed launcher runs no handler, but the kernel
closes its end of the pipe: `watch` reads the pipe until then. This needs no thread and no
polling and, unlike Linux's parent-death signal, survives an exec as another account, does not
depend on the life of one thread, and can kill children that ignore the signal.

    guard.py watch                                  a launcher's pipe on stdin
    guard.py run PIPE STAGE SIGNAL ACCOUNT ARGV…    register with the guard, then exec ARGV
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

STOP_TIMEOUT_SECONDS = 10.0  # Celery finishes running tasks; leases cover those it cannot finish


class Group(NamedTuple):
    """A child and its descendants: `pid` leads their process group."""

    pid: int
    stage: int  # higher stages are stopped first
    signal: int  # the signal that asks this child to stop


def stop_groups(
    groups: Iterable[Group],
    *,
    timeout: float = STOP_TIMEOUT_SECONDS,
    reap: Callable[[], object] = lambda: None,
) -> None:
    """Stops the groups stage by stage, each in reverse order of start; returns when all have ended.

    Only the leader gets the signal: Celery and granian stop their children in order, which a
    signal to the whole group would disturb. What is left is killed, at the latest after `timeout`
    seconds per stage. `reap` is called while waiting, so that a parent can reap its children.
    """
    known = list(groups)
    for stage in sorted({group.stage for group in known}, reverse=True):
        wave = [group for group in reversed(known) if group.stage == stage]
        for group in wave:
            _send(os.kill, group.pid, group.signal)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and any(is_alive(group.pid) for group in wave):
            reap()
            time.sleep(0.02)
        for group in wave:
            _send(os.killpg, group.pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Whether the process is running. A zombie, as left in containers without an init, is not."""
    if not _send(os.kill, pid, 0):
        return False
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # not Linux, or it has just ended
        return _send(os.kill, pid, 0)
    return status.rpartition(")")[2].split()[0] != "Z"


def _send(kill: Callable[[int, int], None], pid: int, number: int) -> bool:
    try:
        kill(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # another account's process has this pid by now
        return False
    return True


def watch(lines: Iterable[str]) -> None:
    """Keeps the list of running groups until the pipe closes, then stops them."""
    groups: dict[int, Group] = {}
    for line in lines:
        sign, *numbers = line.split()
        if sign == "+":
            pid, stage, number = map(int, numbers)
            groups[pid] = Group(pid, stage, number)
        else:
            groups.pop(int(numbers[0]), None)
    stop_groups(groups.values())


def registration(group: Group) -> bytes:
    """The line that adds a group to the guard's list."""
    return f"+ {group.pid} {group.stage} {group.signal}\n".encode()


def removal(pid: int) -> bytes:
    """The line that removes a group from the guard's list."""
    return f"- {pid}\n".encode()


def exec_child(pipe: int, stage: int, number: int, account: str, argv: list[str]) -> None:
    """Registers this process with the guard and execs `argv`, as `account` if given.

    The child registers itself, and first, so that a launcher killed at any moment leaves no child
    that the guard does not know.
    """
    os.write(pipe, registration(Group(os.getpid(), stage, number)))
    os.close(pipe)
    # Python and `&` ignore some of these, and exec inherits that.
    for ignored in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    if account:
        entry = pwd.getpwnam(account)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    os.execvp(argv[0], argv)  # noqa: S606


def main(arguments: Sequence[str]) -> None:
    if arguments[0] == "watch":
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)  # it ends after its launcher
        watch(sys.stdin)
        return
    pipe, stage, number, account, *argv = arguments[1:]
    try:
        exec_child(int(pipe), int(stage), int(number), account, argv)
    except OSError as error:
        sys.exit(f"{argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
