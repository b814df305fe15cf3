"""Named places where a fault test may make this process die, sleep or raise. Else nothing.

Only while DAYBREAK_FAILPOINTS names a folder: a file in it that is called like the place says
what happens there, once, to the first process that gets hold of it. `kill@3` waits for the
third visit of a process; the orders are `kill`, `stop`, `sleep:SECONDS` and `raise`.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

FOLDER = os.environ.get("DAYBREAK_FAILPOINTS", "")
_visits: Counter[str] = Counter()


class FailpointError(Exception):
    """What the order `raise` raises."""


def failpoint(name: str) -> None:
    """A place where a test may strike."""
    if FOLDER:
        _follow_order(Path(FOLDER) / name)


def _follow_order(order: Path) -> None:
    try:
        action, _, visit = order.read_text().partition("@")
    except FileNotFoundError:
        return
    _visits[order.name] += 1
    if _visits[order.name] < int(visit or 1):
        return
    try:
        order.unlink()  # whoever removes it is the one it was for
    except FileNotFoundError:
        return
    _visits[order.name] = 0
    _execute(action, order.name)


def _execute(action: str, name: str) -> None:
    what, _, seconds = action.partition(":")
    if what == "sleep":
        time.sleep(float(seconds))
    elif what == "raise":
        raise FailpointError(name)
    else:
        os.kill(os.getpid(), {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}[what])
