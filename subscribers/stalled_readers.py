"""Hangs up on who asks for a long answer and does not read it.

The web server hands an answer to the kernel piece by piece and waits, in one of its few threads,
while the reader takes none. It has no limit for that. The kernel has: a connection whose data
stays unacknowledged, or whose reader's window stays shut, is ended after TCP_USER_TIMEOUT.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

STALL_MILLISECONDS = 30_000
_DESCRIPTORS = Path("/proc/self/fd")
_OPTION = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux


def limit_stalls() -> int:
    """Set the limit on all connections that this process has accepted; returns how many.

    The server tells an application neither which of them its caller's is nor when it listens.
    """
    if _OPTION is None or not _DESCRIPTORS.is_dir():
        return 0
    with contextlib.ExitStack() as opened:
        found = [opened.enter_context(one) for one in _tcp_sockets()]
        ports = {one.getsockname()[1] for one in found if _listens(one)}
        limited = [one for one in found if one.getsockname()[1] in ports and not _listens(one)]
        for one in limited:
            one.setsockopt(socket.IPPROTO_TCP, _OPTION, STALL_MILLISECONDS)
        return len(limited)


def _tcp_sockets() -> Iterator[socket.socket]:
    """Duplicates of this process's TCP sockets, to be closed."""
    for entry in list(_DESCRIPTORS.iterdir()):
        with contextlib.suppress(OSError):  # ended meanwhile
            if not stat.S_ISSOCK(os.fstat(int(entry.name)).st_mode):
                continue
            one = socket.socket(fileno=os.dup(int(entry.name)))
            if one.family in (socket.AF_INET, socket.AF_INET6) and one.type == socket.SOCK_STREAM:
                yield one
            else:
                one.close()


def _listens(one: socket.socket) -> bool:
    return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
