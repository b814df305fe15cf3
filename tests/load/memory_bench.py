"""The memory of every process in a whole demo on PostgreSQL and Redis, by number of recipients.

    python -m tests.load.memory_bench [--sizes 20000 100000] [--rate 1000] [--more --record FILE]
    python -m tests.load.memory_bench --journal 1000000

The first runs `manage.py demo --services` once for each size and reads the PSS of all processes
below it twice a second: what a process has to itself, and its share of what several use. The table
shows the peak of the largest process of each kind, and how it grows from the smallest size to the
largest. The exit code is 0 only if no process took more than 300 MB and every run met its target.

The second sends nothing: it gives the sandbox a journal of that length, checks it as the demo does
at its end, and shows what both take. A minute is enough for a million lines.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from config.demo.journal_verdict import SandboxClient, compare
from tests.load.pss import pss_mb
from tests.load.sampling import Sampler

ROOT = Path(__file__).resolve().parents[2]
INTERVAL_SECONDS = 0.5
LIMIT_MB = 300.0
RUN_SECONDS = 3600
NAMES = {  # a word of the command line → what the process is
    "tests.load.memory_bench": "the check",
    "sandbox": "sandbox",
    "config.demo.day": "demo, the day",
    "demo": "demo",
    "granian": "web",
    "beat": "beat",
    "keeper": "keeper",
    "worker": "worker",
}


class Peaks(Sampler):
    """The largest PSS of each kind of process below `root` while the block runs."""

    def __init__(self, root: int) -> None:
        super().__init__(INTERVAL_SECONDS)
        self.mb: dict[str, float] = {}
        self._root = root

    def look(self) -> None:
        for pid, name in below(self._root):
            if name:
                self.mb[name] = max(self.mb.get(name, 0.0), pss_mb(pid))


def below(root: int) -> Iterator[tuple[int, str]]:
    """The process and all its descendants, each with its kind."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    waiting = [(root, "")]
    while waiting:
        pid, kind = waiting.pop()
        kind = _kind(_command(pid)) or kind
        yield pid, kind
        waiting += [(child, kind) for child in children.get(pid, ())]


def _parent(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has just ended
        return None


def _command(pid: int) -> list[str]:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return []
    return [word for word in words if word]


def _kind(words: list[str]) -> str:
    """What the process is; empty for one that is a part of its parent."""
    first = words[0] if words else ""
    if "postgres" in first:
        return "postgres: " + ("session" if "127.0.0.1" in first else "server")
    if "redis-server" in first or "valkey-server" in first:
        return "broker"
    for word, name in NAMES.items():
        if word in words[1:]:
            after = words[words.index(word) + 1 :]
            return f"worker {after[0]}" if name == "worker" and after else name
    return ""


def run(size: int, rate: int, more: list[str]) -> tuple[dict[str, float], dict[str, object], int]:
    """The peaks, the demo's report and its exit code."""
    with tempfile.TemporaryDirectory(prefix="daybreak-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL runs as another account
        report = folder / "report.json"
        command = [sys.executable, str(ROOT / "manage.py"), "demo", "--services"]
        command += [f"--subscribers={size}", f"--rate={rate}", f"--report={report}", *more]
        process = subprocess.Popen(command, env={**os.environ, "DAYBREAK_VAR": f"{folder}/var"})
        try:
            with Peaks(process.pid) as peaks:
                code = process.wait(RUN_SECONDS)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        return peaks.mb, json.loads(report.read_text()) if report.exists() else {}, code


LINE = (
    '{"seq":%d,"accepted_at":1795443739.412021,"arrived_at":1795443739.411903,"phone_number_id":'
    '"106540352240001","to":"91%010d","biz_opaque_callback_data":"17/1234567/1/abcdefghijklmnop",'
    '"wamid":"wamid.HBgMOTE5ODEyMzQ1Njc4FQIAERgSM0E0QjVDNkQ3RThGOUEwQjEyAA==","template":'
    '"daily_update","language":"en","category":"UTILITY","parameters":["Aarav Bose","Nifty opens '
    'flat; two results and one IPO to watch today."],"outcome":"read"}\n'
)


def check_journal(size: int) -> int:
    """Compares a journal of so many lines with as many recipients; the exit code."""
    with tempfile.TemporaryDirectory(prefix="daybreak-bench-") as folder:
        file = Path(folder) / "journal.jsonl"
        with file.open("w") as lines:
            lines.writelines(LINE % (seq, seq) for seq in range(1, size + 1))
        command = [sys.executable, "-m", "sandbox", "--port=0", f"--journal={file}"]
        sandbox = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            assert sandbox.stdout is not None
            client = SandboxClient(sandbox.stdout.readline().split()[-1])
            with Peaks(os.getpid()) as peaks:
                began = time.process_time()
                expected = (f"91{seq:010d}" for seq in range(1, size + 1))
                verdict = compare(client.journal(), expected, [])
                spent = time.process_time() - began
        finally:
            sandbox.terminate()
            sandbox.wait()
    print(f"{verdict.accepted:,} accepted, {verdict.missed} missed: {spent:.1f} s of CPU to check")
    for name, mb in peaks.mb.items():
        print(f"{name:34}{mb:12.0f} MB")
    return int(verdict.accepted != size or max(peaks.mb.values()) > LIMIT_MB)


def show(found: dict[int, dict[str, float]]) -> None:
    sizes = list(found)
    print(
        f"{'peak PSS, MB':34}" + "".join(f"{size:>12,}" for size in sizes) + "  bytes a recipient"
    )
    for name in sorted({name for peaks in found.values() for name in peaks}):
        row = [found[size].get(name, 0.0) for size in sizes]
        more = (row[-1] - row[0]) * 2**20 / max(1, sizes[-1] - sizes[0])
        print(f"{name:34}" + "".join(f"{mb:12.0f}" for mb in row) + f"{more:12.0f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--more", nargs=argparse.REMAINDER, default=[], help="for the demo")
    parser.add_argument("--journal", type=int, default=0, help="lines to check; sends nothing")
    options = parser.parse_args()
    if options.journal:
        return check_journal(options.journal)
    found, bad = {}, False
    for size in options.sizes:
        peaks, report, code = run(size, options.rate, options.more)
        found[size] = peaks
        bad |= bool(code) or max(peaks.values()) > LIMIT_MB
        for name in ("accepted", "missed", "duplicates", "dispatch_seconds", "cpu_seconds"):
            print(f"{name:18} {report.get(name)}", flush=True)
    show(found)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
