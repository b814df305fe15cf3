"""CPU seconds, user and system, that the services and their child processes have used.

Read from /proc, so only on Linux; elsewhere there are no figures.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

PROC = Path("/proc")


def seconds_used(roots: Mapping[str, int]) -> dict[str, float]:
    """Seconds by name, for the process tree below each pid, including reaped descendants."""
    if not PROC.exists():
        return {}
    ticks = os.sysconf("SC_CLK_TCK")
    table = _process_table()
    return {name: _ticks(pid, table) / ticks for name, pid in roots.items()}


def difference(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """The seconds used between two measurements, rounded to hundredths."""
    return {name: round(after[name] - before.get(name, 0.0), 2) for name in after}


def _process_table() -> dict[int, tuple[int, int]]:
    """pid → (parent, clock ticks of the process and of the children it has reaped)."""
    table = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:  # it has just ended
                continue
            fields = text.rpartition(")")[2].split()
            table[int(entry.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    return table


def _ticks(root: int, table: Mapping[int, tuple[int, int]]) -> int:
    children = [pid for pid, (parent, _) in table.items() if parent == root]
    own = table[root][1] if root in table else 0
    return own + sum(_ticks(child, table) for child in children)
