"""CPU seconds, user and system, that the house's processes have used, children included.

Read from /proc, so on Linux only; elsewhere there are no figures.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

PROC = Path("/proc")


def used(roots: Mapping[str, int]) -> dict[str, float]:
    """Seconds by name of the process at each root of a tree, living descendants and reaped ones."""
    if not PROC.exists():
        return {}
    ticks = os.sysconf("SC_CLK_TCK")
    table = _table()
    return {name: _tree(pid, table) / ticks for name, pid in roots.items()}


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was used in between, rounded to hundredths."""
    return {name: round(after[name] - before.get(name, 0.0), 2) for name in after}


def _table() -> dict[int, tuple[int, int]]:
    """pid → (parent, clock ticks of itself and of the children it has reaped)."""
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:  # it has just ended
                continue
            fields = text.rpartition(")")[2].split()
            found[int(entry.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    return found


def _tree(root: int, table: Mapping[int, tuple[int, int]]) -> int:
    children = [pid for pid, (parent, _) in table.items() if parent == root]
    own = table[root][1] if root in table else 0
    return own + sum(_tree(child, table) for child in children)
