"""Named points at which a fault test can kill, stop or delay this process, or raise an error.

Active only while DAYBREAK_FAILPOINTS names a folder: a file named like the point holds an order,
which the first process that removes the file executes once. Orders are `kill`, `stop`,
`sleep:SECONDS` and `raise`; `kill@3` waits for the third visit of one process.
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
    """Raised by the order `raise`."""


def failpoint(name: str) -> None:
    """Executes the order for the point `name`, if there is one."""
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
        order.unlink()  # only one process succeeds
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
