"""The PSS of a process: the memory it has to itself and its share of what several use (Linux)."""

from __future__ import annotations

from pathlib import Path


def pss_mb(pid: int | str = "self") -> float:
    """In MB; 0 for a process that has ended."""
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    kb = next((line.split()[1] for line in told.splitlines() if line.startswith("Pss:")), "0")
    return int(kb) / 1024
